"""Tests: the steps of remedies."""
