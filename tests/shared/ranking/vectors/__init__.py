"""Tests: vectors."""
