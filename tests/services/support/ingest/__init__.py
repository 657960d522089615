"""Tests of how documents are read from files."""
