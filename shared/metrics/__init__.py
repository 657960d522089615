"""Figures of merit: classification, calibration, retrieval."""
