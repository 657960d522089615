"""What clients name their own things by: documents, items, users, events, records."""

import re
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

MAX_IDENTIFIER_CHARS = 200

IDENTIFIER_FORM = "identifier"
"""The type of pydantic's error for a text that cannot be an identifier."""

_CONTROL = r"\x00-\x1F\x7F"
_CONTROL_CHARACTER = re.compile(f"[{_CONTROL}]")
_LINE = rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"
_PART = r"(?:[^/\\.][^/\\]*|\.[^/\\.][^/\\]*|\.\.[^/\\]+)?"
_PARTS = rf"^{_PART}(?:[/\\]{_PART})*$"
"""Parts between slashes of which none is '.' or '..'."""


class _Form:
    """Annotates a `str`; checked by pydantic's engine: ten thousand ids come with one request."""

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        line = core_schema.str_schema(max_length=MAX_IDENTIFIER_CHARS, pattern=_LINE)
        fits = core_schema.chain_schema([line, core_schema.str_schema(pattern=_PARTS)])
        said = "expected an id that fits an address"
        named = core_schema.custom_error_schema(fits, IDENTIFIER_FORM, custom_error_message=said)
        return core_schema.chain_schema([handler(source), named])

    @staticmethod
    def __get_pydantic_json_schema__(
        schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_IDENTIFIER_CHARS,
            "pattern": _LINE,
            "description": "Not '.' or '..'; percent-encoded in an address.",
        }


Identifier = Annotated[str, _Form]
"""One line of 1 to 200 characters that are not all blank.

Any character may stand in it, `/` too: an address carries it percent-encoded. But `.` and `..` are
refused, also as a part between slashes: no encoding protects them, every usual client takes them
out of an address, and what is left names something else. `misnamed` says what is wrong.
"""


def misnamed(value: str) -> str:
    """Why a text is not an identifier."""
    if not value or value.isspace():
        return f"an id is empty or blank: send 1 to {MAX_IDENTIFIER_CHARS} characters"
    if len(value) > MAX_IDENTIFIER_CHARS:
        return f"an id has {len(value)} characters: send at most {MAX_IDENTIFIER_CHARS}"
    if found := _CONTROL_CHARACTER.search(value):
        return f"character {found.start()} of the id {value!r} is a control character: remove it"
    return (
        f"the id {value!r} is '.' or '..', or has one of them between slashes, which clients "
        "take out of an address: choose another id"
    )
