"""Tests: kafka."""
