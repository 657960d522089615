"""Questions with answers in a context."""
