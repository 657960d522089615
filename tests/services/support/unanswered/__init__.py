"""Questions that were not answered."""
