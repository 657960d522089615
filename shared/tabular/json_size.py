"""How many values a JSON text holds and how deep they stand, before it is parsed."""

import re

from shared.tabular.rows import MAX_JSON_DEPTH, MAX_JSON_VALUES

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKET = re.compile(rb"[^\[\]{}]+")
_AS_LISTS = bytes.maketrans(b"{}", b"[]")


def oversize(text: bytes, max_values: int = MAX_JSON_VALUES) -> str | None:
    """What a JSON text exceeds, for a message; None where it may be parsed.

    Marks are counted first, which costs next to nothing; strings are left out where that matters.
    """
    opened = text.count(b"[") + text.count(b"{")
    if opened <= MAX_JSON_DEPTH and opened + text.count(b",") < max_values:
        return None
    marks = _STRING.sub(b"", text)
    # Each value but the outermost follows a comma, a bracket or a name.
    values = 1 + marks.count(b",") + marks.count(b"[") + marks.count(b"{")
    if values > max_values:
        return f"more than {max_values} values: send it in parts"
    brackets = _NO_BRACKET.sub(b"", marks).translate(_AS_LISTS)
    for _ in range(MAX_JSON_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    if b"[" in brackets:
        return f"nested deeper than {MAX_JSON_DEPTH} levels: write it flatter"
    return None
