"""Judging bundles: exams, what answers are worth, gates, frozen sets, reports."""
