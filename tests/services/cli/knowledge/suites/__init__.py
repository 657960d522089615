"""Tests of the suites of questions."""
