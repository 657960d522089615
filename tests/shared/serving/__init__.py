"""Tests: what serving shares."""
