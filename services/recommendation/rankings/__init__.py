"""What serves: every tenant's rankings in memory, and what keeps them abreast of the database."""
