"""Tests: embed."""
