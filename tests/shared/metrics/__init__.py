"""Tests of shared.metrics."""
