"""The form of a text: a regular expression for machines, and the same in words for people."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from shared.validation.values import found

FORM = "text_form"
"""The type of pydantic's error for a text that has not its form."""

_CONTROL = re.compile(r"[\x00-\x1F\x7F]")
_BREAKS = "\t\n\x0b\x0c\r"


@dataclass(frozen=True, slots=True)
class TextForm:
    """Annotates a `str`: it must fit `pattern`, which `words` describe for who sends another.

    The pattern stands in JSON Schema and is matched by pydantic's engine, in linear time; an error
    carries the words alone.
    """

    pattern: str
    words: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        fits = core_schema.custom_error_schema(
            core_schema.str_schema(pattern=self.pattern),
            FORM,
            custom_error_message="expected {words}",
            custom_error_context={"words": self.words},
        )
        return core_schema.chain_schema([handler(source), fits])

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"pattern": self.pattern}


NAME = TextForm(
    r"^[a-z0-9][a-z0-9_-]{0,62}$",
    "1 to 63 lower-case letters, digits, _ and -, with a letter or digit first",
)
"""The name of a knowledge base, a tenant, a set of data."""

SHA256 = TextForm(r"^[0-9a-f]{64}$", "64 hexadecimal digits")

LINE = TextForm(
    r"^[^\x00-\x1F\x7F]*[^\s\x00-\x1F\x7F][^\x00-\x1F\x7F]*$",
    "one line of text that is not blank, without control characters",
)

TRIMMED_LINE = TextForm(
    r"^\s*[^\s\x00-\x1F\x7F]([^\x00-\x1F\x7F]*[^\s\x00-\x1F\x7F])?\s*$",
    "one line of text that is not blank, without control characters",
)
"""The same for a text whose blanks and line breaks at both ends are taken off first."""

_NO_CONTROL = r"\x00-\x08\x0B\x0C\x0E-\x1F\x7F"
FILLED = TextForm(
    rf"^[^{_NO_CONTROL}]*[^\s{_NO_CONTROL}][^{_NO_CONTROL}]*$",
    "text that is not blank, without control characters",
)
"""Text of any number of lines, with something to read in it."""

PLAIN = TextForm(f"^[^{_NO_CONTROL}]*$", "text without control characters")
"""The same, or nothing."""

KafkaName = Annotated[
    str, TextForm(r"^[a-zA-Z0-9._-]{1,200}$", "1 to 200 letters, digits, dots, _ and -")
]
"""A topic or a consumer group."""


def misfit(context: Mapping[str, Any], value: object) -> str:
    """What keeps a text from having its form, and what it should be."""
    expected = f"expected {context['words']}"
    if not isinstance(value, str):
        return f"{expected}, found {found(value)}"
    if not value.strip():
        return f"{expected}, found {'blanks alone' if value else 'an empty text'}"
    if (control := _CONTROL.search(value)) and control[0] not in _BREAKS:
        where = f"U+{ord(control[0]):04X} as character {control.start() + 1}"
        return f"{expected}, found the control character {where}: remove it"
    return f"{expected}, found {found(value)}"
