"""What a remedy buys and what it costs: the same training with and without it, over seeds."""
