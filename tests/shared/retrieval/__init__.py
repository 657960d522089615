"""Tests: shared/retrieval."""
