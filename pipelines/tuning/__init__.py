"""Tuning: which settings are tried, how trials are run and stopped early, and what came of them."""
