"""Tests: shared/streaming."""
