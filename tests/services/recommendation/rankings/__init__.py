"""Tests: what serves rankings."""
