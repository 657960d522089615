"""The confidence of answers: constants, threshold, and what both give on held-out domains."""
