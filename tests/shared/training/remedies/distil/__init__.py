"""Tests: distil."""
