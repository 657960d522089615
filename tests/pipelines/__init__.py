"""Tests: pipelines."""
