"""The support database's revisions."""
