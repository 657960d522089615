"""Ranking: events, a tenant's state, features, candidates, scorers, diversity and reasons."""
