"""Queries with documents to score."""
