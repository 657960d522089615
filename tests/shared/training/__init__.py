"""Tests of shared.training."""
