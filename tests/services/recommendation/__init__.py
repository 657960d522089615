"""Tests: the recommendation application."""
