"""Texts with classes."""
