"""What clients name their own things by: documents, items, users, events, records."""

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_IDENTIFIER_CHARS = 200

CONTROL = r"\x00-\x1F\x7F"
_CONTROL_CHARACTER = re.compile(f"[{CONTROL}]")
_DOT_PART = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|$)")


def check_identifier(value: str) -> str:
    """The identifier itself, if it can be one.

    It is one line of 1 to 200 characters that are not all blank. Any character may stand in it, `/`
    too: an address carries it percent-encoded. But `.` and `..` are refused, also as a part between
    slashes: no encoding protects them, every usual client takes them out of an address, and what is
    left names something else.

    Raises:
        PydanticCustomError: it cannot be one; the message says why.
    """
    # Ten thousand of them come with one request: nearly all are plain.
    is_plain = value.isprintable() and 0 < len(value) <= MAX_IDENTIFIER_CHARS
    if is_plain and value[0] not in " ." and "/." not in value and "\\." not in value:
        return value
    if reason := _fault(value):
        raise PydanticCustomError("identifier", "{reason}", {"reason": reason})
    return value


def _fault(value: str) -> str | None:
    if not value or value.isspace():
        return f"an id is empty or blank: send 1 to {MAX_IDENTIFIER_CHARS} characters"
    if len(value) > MAX_IDENTIFIER_CHARS:
        return f"an id has {len(value)} characters: send at most {MAX_IDENTIFIER_CHARS}"
    if found := _CONTROL_CHARACTER.search(value):
        return f"character {found.start()} of the id {value!r} is a control character: remove it"
    if _DOT_PART.search(value):
        return (
            f"the id {value!r} is '.' or '..', or has one of them between slashes, which clients "
            "take out of an address: choose another id"
        )
    return None


Identifier = Annotated[
    str,
    AfterValidator(check_identifier),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_IDENTIFIER_CHARS,
            "pattern": rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$",
            "description": "Not '.' or '..'; percent-encoded in an address.",
        }
    ),
]
"""See `check_identifier`."""
