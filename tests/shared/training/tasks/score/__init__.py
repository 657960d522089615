"""Tests: score."""
