"""Evaluating bundles: answers, judgements and reports."""
