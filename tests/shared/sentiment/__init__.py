"""Tests of shared.sentiment."""
