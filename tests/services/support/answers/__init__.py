"""Tests: services/support/answers."""
