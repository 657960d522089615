"""Alerts: decided from mentions, stored, and told to others."""
