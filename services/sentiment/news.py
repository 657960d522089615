"""One record of the topic as a piece of news, or the reason why it is none."""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
)

from shared.http.keys import DEFAULT_TENANT, TenantName
from shared.streaming.application import json_value
from shared.streaming.dead_letters import BAD_SCHEMA, CLOCK_AHEAD, DecodeError
from shared.streaming.message import Record
from shared.validation.faults import faults_of, joined
from shared.validation.forms import FILLED, LINE, TRIMMED_LINE
from shared.validation.identifiers import Identifier

MAX_VALUE_BYTES = 256 * 1024
MAX_TEXT_CHARS = 20_000
MAX_ENTITIES = 100
MAX_ENTITY_CHARS = 200

_LATEST = 7_258_118_400.0  # The year 2200.

Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARS), FILLED]
"""A text to score: something to read, without control characters."""

Entity = Annotated[
    str, StringConstraints(max_length=MAX_ENTITY_CHARS, strip_whitespace=True), TRIMMED_LINE
]
"""The name of something that a text may be about."""

Entities = Annotated[list[Entity], Field(max_length=MAX_ENTITIES)]


def unix_seconds(value: object) -> object:
    """ISO 8601 with an offset as Unix seconds; what is not a string is left to the next check.

    Raises:
        ValueError: the string is no such time.
    """
    if not isinstance(value, str):
        return value
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("expected ISO 8601 such as 2026-03-02T09:00:00Z, or seconds") from None
    if time.tzinfo is None:
        raise ValueError("the time is without time zone: end it with Z or an offset such as +01:00")
    return time.timestamp()


Time = Annotated[float, BeforeValidator(unix_seconds), Field(ge=0, le=_LATEST, allow_inf_nan=False)]
"""A moment between 1970 and 2200, from ISO 8601 with an offset or from Unix seconds."""


def query_seconds(value: object) -> object:
    """The same for an address, in which everything is a string: a number is Unix seconds."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value)
    return unix_seconds(value)


QueryTime = Annotated[
    float, BeforeValidator(query_seconds), Field(ge=0, le=_LATEST, allow_inf_nan=False)
]
"""A moment as `Time`, in an address."""


class _Fields(BaseModel, strict=True, extra="ignore"):
    """The record's value; keys that are not known are left to other readers of the topic."""

    id: Identifier
    published_at: Time
    source: Annotated[str, StringConstraints(max_length=200), LINE]
    text: Text
    entities: Entities | None = None
    tenant: TenantName = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class News:
    """A text of a tenant, known by its `id`; `published_at` is in Unix seconds.

    `entities` are those that the record names; None leaves it to us to find them, () says that
    there are none.
    """

    tenant: str
    id: str
    source: str
    text: str
    published_at: float
    entities: tuple[str, ...] | None


def decode(record: Record, *, arrived_at: float, max_ahead_s: float) -> News:
    """Reads a record's value.

    `published_at` may lie at most `max_ahead_s` after `arrived_at` (Unix seconds): a record of next
    year would be the newest of its entity until then.

    Raises:
        DecodeError: the value is missing, too large, not UTF-8, not JSON, not of the schema, or
            dated too far ahead.
    """
    fields = _fields(record.value)
    ahead_s = fields.published_at - arrived_at
    if ahead_s > max_ahead_s:
        raise DecodeError(
            CLOCK_AHEAD,
            f"published_at lies {ahead_s:.0f} s after the record arrived, more than "
            f"{max_ahead_s:.0f} s: correct the sender's clock",
        )
    entities = None if fields.entities is None else tuple(dict.fromkeys(fields.entities))
    return News(fields.tenant, fields.id, fields.source, fields.text, fields.published_at, entities)


def _fields(value: bytes | None) -> _Fields:
    parsed = json_value(value, MAX_VALUE_BYTES)
    try:
        return _Fields.model_validate(parsed)
    except ValidationError as error:
        raise DecodeError(BAD_SCHEMA, joined(faults_of(error, parsed))) from None
