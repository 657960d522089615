"""Tests: span."""
