"""Vector indexes of items."""
