"""Distillation: a student learns from the scores of a teacher."""
