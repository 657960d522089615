"""Tests: artifacts."""
