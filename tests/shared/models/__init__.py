"""Tests: the models."""
