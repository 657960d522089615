"""Tests: shared/text."""
