"""Tests of shared.training.fairness."""
