"""Queries with documents, by vectors."""
