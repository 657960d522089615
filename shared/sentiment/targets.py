"""How a model is asked what a text says of one entity in it: training and serving ask alike.

The entity is marked in the text. As a pair (text, entity) the same model has to find out by itself
which words are meant, and does worse by far where a text says different things of its entities.
"""

import re
from collections.abc import Sequence

_MARK = "@"


def target_input(text: str, entity: str) -> str:
    """The text with every mention of the entity marked.

    An entity that the text does not name is put before it, marked likewise.
    """
    return mark(text, find_mentions(text, entity)) or f"{_MARK} {entity} {_MARK} {text}"


def find_mentions(text: str, entity: str) -> list[tuple[int, int]]:
    """Where a text names an entity: whole words, as characters `[start, end)`, in order.

    Mentions in the entity's own case come before others, and whole names before those that
    begin a longer word: "Sun Pharma" in "Sun Pharmas stocks surge" is that whole word.
    """
    name = re.escape(entity.strip())
    if not name:
        return []
    for pattern in (rf"(?<!\w){name}(?!\w)", rf"(?<!\w){name}\w*"):
        for flags in (re.NOFLAG, re.IGNORECASE):
            found = [match.span() for match in re.finditer(pattern, text, flags)]
            if found:
                return found
    return []


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
