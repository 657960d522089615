"""Tests of the files in pipelines/fairness."""
