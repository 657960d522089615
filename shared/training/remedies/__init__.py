"""Ways to make a model better with what other models know."""
