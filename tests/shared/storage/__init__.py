"""Tests: shared/storage."""
