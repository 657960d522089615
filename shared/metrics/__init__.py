"""Measures of quality in plain numpy, each with a bootstrap confidence interval."""
