"""Tests: pretraining."""
