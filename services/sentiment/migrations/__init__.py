"""The sentiment database's revisions."""
