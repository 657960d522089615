"""What a judge of passages reads: a question in its context, and a passage under its title."""

from collections.abc import Sequence

CONTEXT_TURNS = 3
"""How many of a user's last turns are read together."""

_BETWEEN_TURNS = " | "
_AFTER_TITLE = " › "


def in_context(turns: Sequence[str]) -> str:
    """A user's last turns, at least one, as the one question that they make."""
    return _BETWEEN_TURNS.join(turns[-CONTEXT_TURNS:])


def passage_text(title: str, text: str) -> str:
    """A passage with its document's title before it, unless it begins with that."""
    return text if not title or text.startswith(title) else f"{title}{_AFTER_TITLE}{text}"
