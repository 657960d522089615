"""Tests: services/support."""
