"""Tests: loop."""
