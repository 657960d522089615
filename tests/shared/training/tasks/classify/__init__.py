"""Tests: classify."""
