"""The encoder that all applications share, and what every HTTP application has in common."""
