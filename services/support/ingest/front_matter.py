"""YAML between two lines `---` at the start of a Markdown text."""

import re
from collections.abc import Mapping
from datetime import date

from shared.errors import InputError
from shared.text.yaml_text import load_user_yaml

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(?:(.*?)\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_YAML_LINE = re.compile(
    r"\s|#|-(?:\s|$)|[\]}]|(?:\"[^\"]*\"|'[^']*'|[A-Za-z_][\w .-]{0,60})[ \t]*:(?:\s|$)|$"
)


def split_front_matter(source: str, *, name: str) -> tuple[Mapping[str, object], str]:
    """The values of the front matter, and the text that follows it.

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
    fields = {str(key): _json_value(value) for key, value in values.items() if value is not None}
    return fields, source[match.end() :]


def _json_value(value: object) -> object:
    """YAML knows dates; JSON writes them as text."""
    if isinstance(value, date):
        return value.isoformat()
    return [_json_value(item) for item in value] if isinstance(value, list) else value
