"""Tests: shared.ranking."""
