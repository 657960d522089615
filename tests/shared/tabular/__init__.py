"""Tests of `shared.tabular`."""
