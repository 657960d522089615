"""What the platform keeps: copies, keys, and what is too old."""
