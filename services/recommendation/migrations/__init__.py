"""The recommendation database's revisions."""
