"""Tests: what others are told of alerts."""
