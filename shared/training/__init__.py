"""Data preparation, objectives, the training loop and its assembly on Ray Train."""
