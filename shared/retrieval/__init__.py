"""Passages, sparse and dense indexes, their fusion, and the index on disk."""
