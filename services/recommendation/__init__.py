"""Recommendation: events of items and behaviour in, rankings with reasons out."""
