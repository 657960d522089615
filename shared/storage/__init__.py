"""Database engines, transactions and migrations."""
