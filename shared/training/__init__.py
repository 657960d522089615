"""Fine-tuning: data preparation, objectives, the loop, and its assembly on Ray Train."""
