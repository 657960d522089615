"""Tests: methods."""
