"""Ranking offline: real data, baselines, measuring, and training from stored events."""
