"""Sentiment: labels, windows in event time, watermarks, surges, and names in texts."""
