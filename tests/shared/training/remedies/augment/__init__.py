"""Tests: augment."""
