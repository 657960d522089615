"""Tests of judging bundles."""
