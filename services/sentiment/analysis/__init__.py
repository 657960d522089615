"""What texts say, as a whole and of each entity in them."""
