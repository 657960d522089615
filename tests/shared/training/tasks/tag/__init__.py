"""Tests: tag."""
