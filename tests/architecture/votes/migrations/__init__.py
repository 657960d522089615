"""The schema of the votes."""
