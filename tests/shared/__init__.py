"""Tests: shared."""
