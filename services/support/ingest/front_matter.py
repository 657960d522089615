"""YAML between two lines `---` at the start of a Markdown text."""

import re
from collections.abc import Mapping
from datetime import date

import orjson
import yaml

from shared.errors import InputError
from shared.text.yaml_text import load_user_yaml

_TEXTS = ("title", "id")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(?:(.*?)\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_YAML_LINE = re.compile(
    r"\s|#|-(?:\s|$)|[\]}]|(?:\"[^\"]*\"|'[^']*'|[A-Za-z_][\w .-]{0,60})[ \t]*:(?:\s|$)|$"
)


def split_front_matter(source: str, *, name: str) -> tuple[Mapping[str, object], str]:
    """The values of the front matter, and the text that follows it.

    A `title` and an `id` are the texts that stand there, also where YAML takes them for a number, a
    date or a truth. A key within another one is written with a dot: `author: {name: Ada}` is
    `author.name`; a list or mapping in a list is its JSON.

    A text may also begin with a rule `---`: what stands between two of them is front matter if it
    is a mapping, or if each of its lines looks like one, and then a fault in it is told.

    Raises:
        InputError: the front matter is not YAML, or asks for more than users may
            (`shared.text.yaml_text`).
    """
    match = _FRONT_MATTER.match(source)
    if match is None:
        return {}, source
    inside = match[1] or ""
    try:
        values = load_user_yaml(inside, name=f"{name}: the front matter")
    except InputError:
        if all(map(_YAML_LINE.match, inside.splitlines())):
            raise
        return {}, source
    if values is None:
        return {}, source[match.end() :]
    if not isinstance(values, dict):
        return {}, source
    try:
        fields = _flat(values)
    except orjson.JSONEncodeError as error:
        # A number of more than 64 bits, or half a character, in a list or mapping in a list.
        raise InputError(f"{name}: the front matter cannot be JSON: {error}: change it") from None
    return {**fields, **_texts(inside, values)}, source[match.end() :]


def _texts(inside: str, values: Mapping[object, object]) -> dict[str, object]:
    """The title and the id as they are written, where they are not texts."""
    given = [name for name in _TEXTS if isinstance(values.get(name), int | float | date)]
    # What is loaded twice was bounded the first time.
    written = yaml.load(inside, Loader=yaml.BaseLoader) if given else {}  # noqa: S506
    return {name: written[name] for name in given}


def _flat(values: Mapping[object, object], within: str = "") -> dict[str, object]:
    fields: dict[str, object] = {}
    for key, value in values.items():
        name = f"{within}{key}"
        if isinstance(value, dict):
            fields |= _flat(value, f"{name}.")
        elif value is not None:
            fields[name] = _json_value(value)
    return fields


def _json_value(value: object) -> object:
    """YAML knows dates; JSON writes them as text."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [_item(item) for item in value if item is not None]
    return value


def _item(value: object) -> object:
    if isinstance(value, list | dict):
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    return _json_value(value)
