"""Tests: remedies."""
