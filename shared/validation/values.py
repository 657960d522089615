"""Values from outside, named in a sentence."""

from collections.abc import Mapping, Sequence, Set

_SHOWN_CHARS = 60


def shortened(text: str, limit: int = _SHOWN_CHARS) -> str:
    """A text of at most so many characters, with dots where it was cut."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def found(value: object) -> str:
    """What a value is, as in `expected a text, found the number 5`: in words of JSON."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {_number(value)}"
        case str():
            return repr(shortened(value)) if value else "an empty text"
        case bytes() | bytearray():
            return "bytes"
        case Mapping():
            return "an object"
        case Sequence() | Set():
            return "a list" if len(value) else "an empty list"
    return "a value of another kind"


def counted(count: int, one: str, many: str) -> str:
    """A number with its noun: `1 entry`, `3 entries`."""
    return f"{count:,} {one if count == 1 else many}"


def _number(value: float) -> str:
    try:
        return shortened(str(value))
    except ValueError:  # Python writes no number of more than 4,300 digits.
        return "of too many digits"
