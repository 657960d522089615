"""Tests: studying."""
