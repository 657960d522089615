"""The training loop and its assembly on Ray Train."""
