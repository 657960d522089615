"""Tests of the calibration of the confidence."""
