"""Suites of questions that a knowledge base is asked: read, asked, measured, calibrated on."""
