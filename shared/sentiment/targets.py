"""How a model is asked what a text says of one entity in it: training and serving ask alike.

The entity is marked in the text. As a pair (text, entity) the same model has to find out by itself
which words are meant, and does worse by far where a text says different things of its entities.
"""

from collections.abc import Sequence

from shared.sentiment.words import Words

_MARK = "@"


def target_input(text: str, entity: str) -> str:
    """The text with every mention of the entity marked.

    An entity that the text does not name is put before it, marked likewise.
    """
    return mark(text, find_mentions(text, entity)) or f"{_MARK} {entity} {_MARK} {text}"


def find_mentions(text: str, entity: str) -> list[tuple[int, int]]:
    """Where a text names an entity, as characters `[start, end)` in order; see `Words.mentions`."""
    return Words(text).mentions(entity)


def mark(text: str, stretches: Sequence[tuple[int, int]]) -> str:
    """The text with these stretches `[start, end)` marked; they must not overlap.

    Empty where there are none: a text without a mark asks nothing.
    """
    parts: list[str] = []
    before = 0
    for start, end in sorted(stretches):
        parts += [text[before:start], f"{_MARK} {text[start:end]} {_MARK}"]
        before = end
    return "".join([*parts, text[before:]]) if parts else ""
