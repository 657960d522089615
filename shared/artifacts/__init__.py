"""What is made once and kept: immutable folders, and names that say which of them serves."""
