"""Tests: shared/validation."""
