"""Tests: services.sentiment."""
