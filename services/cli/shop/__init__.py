"""The recommendation application: items, behaviour, rankings and rankers."""
