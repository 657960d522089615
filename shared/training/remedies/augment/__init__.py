"""More rows to learn from: copies of the rows of train with other words, labels kept."""
