"""JSON that comes from users as text: bounded before it is parsed."""

import re

import orjson

from shared.errors import InputError
from shared.text.limits import MAX_JSON_DEPTH, MAX_JSON_VALUES

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKET = re.compile(r"[^\[\]{}]+")
_AS_LISTS = str.maketrans("{}", "[]")


def load_user_json(text: str, *, name: str) -> object:
    """The value that a JSON text says.

    Raises:
        InputError: the text is no JSON, or exceeds a limit of `shared.text.limits`.
    """
    _check_size(text, name)
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{name}: not JSON: {error}") from None
    return value


def _check_size(text: str, name: str) -> None:
    """Counts marks first, which costs next to nothing; strings are left out where that matters."""
    opened = text.count("[") + text.count("{")
    if opened <= MAX_JSON_DEPTH and opened + text.count(",") < MAX_JSON_VALUES:
        return
    marks = _STRING.sub("", text)
    # Each value but the outermost follows a comma, a bracket or a name.
    values = 1 + marks.count(",") + marks.count("[") + marks.count("{")
    if values > MAX_JSON_VALUES:
        raise InputError(f"{name}: more than {MAX_JSON_VALUES} values: send it in parts")
    brackets = _NO_BRACKET.sub("", marks).translate(_AS_LISTS)
    for _ in range(MAX_JSON_DEPTH):
        brackets = brackets.replace("[]", "")
    if "[" in brackets:
        raise InputError(f"{name}: nested deeper than {MAX_JSON_DEPTH} levels: write it flatter")
