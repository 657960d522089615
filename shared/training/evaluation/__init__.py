"""Evaluating bundles: exams, judgements and reports."""
