"""Drills: the stream while its parts are killed, frozen and fed nonsense; each is a command."""
