"""Tests: rankers."""
