"""Tests: what texts say."""
