"""Questions that were not answered: kept for who writes the articles."""
