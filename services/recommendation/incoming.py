"""Events as clients send them, in Metarank's shapes: a key that does not exist is a fault.

Source: Metarank documentation, "Event schema".
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
    field_validator,
)

from shared.ranking.events import Event, FieldValue, InteractionEvent, ItemEvent, RankingEvent
from shared.ranking.events import UserEvent as User
from shared.ranking.timestamps import EARLIEST_MS, LATEST_MS, unix_ms
from shared.validation.body import RequestBody
from shared.validation.forms import LINE, PLAIN
from shared.validation.identifiers import Identifier
from shared.validation.values import found

MAX_TEXT_CHARS = 131_072
MAX_FIELDS = 64
MAX_VALUES = 100
MAX_ITEMS = 10_000

_CONTROL = r"\x00-\x08\x0B\x0C\x0E-\x1F\x7F"
_FORBIDDEN = re.compile(f"[{_CONTROL}]")
_LARGEST = 1e15


Category = Annotated[str, StringConstraints(max_length=1_000), PLAIN]
"""A category in an address, without control characters."""

Timestamp = Annotated[
    int,
    PlainValidator(unix_ms),
    WithJsonSchema(
        {
            "description": "Unix milliseconds, or Unix seconds, as a number or a string; or ISO "
            "8601 with its time zone. From 1973-03-03 on.",
            "anyOf": [
                {"type": "integer", "minimum": EARLIEST_MS, "exclusiveMaximum": LATEST_MS},
                {"type": "string", "format": "date-time"},
            ],
        }
    ),
]


def field_value(value: object) -> FieldValue:
    """A field's value; whole numbers become floats, lists become tuples.

    Raises:
        ValueError: it is of another type, too long, too large, or holds control characters.
    """
    if isinstance(value, list):
        if len(value) > MAX_VALUES:
            raise ValueError(f"{len(value)} values, at most {MAX_VALUES} are taken")
        parts = tuple(map(_scalar, value))
        if all(isinstance(part, str) for part in parts):
            return tuple(part for part in parts if isinstance(part, str))
        if all(type(part) is float for part in parts):
            return tuple(part for part in parts if isinstance(part, float))
        raise ValueError("a list holds either texts or numbers")
    return _scalar(value)


def _scalar(value: object) -> str | float | bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > MAX_TEXT_CHARS:
            raise ValueError(f"{len(value)} characters, at most {MAX_TEXT_CHARS} are taken")
        if control := _FORBIDDEN.search(value):
            raise ValueError(f"character {control.start() + 1} is a control character: remove it")
        return value
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > _LARGEST:
            raise ValueError(f"the number is out of range: at most {_LARGEST:g} either way")
        return float(value)
    raise ValueError(
        f"expected a text, a number, true or false, or a list of texts or of numbers, "
        f"found {found(value)}"
    )


_SCALARS = [
    {"type": "string", "maxLength": MAX_TEXT_CHARS, "pattern": f"^[^{_CONTROL}]*$"},
    {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST},
]
_VALUE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        *_SCALARS,
        {"type": "boolean"},
        *({"type": "array", "maxItems": MAX_VALUES, "items": one} for one in _SCALARS),
    ]
}

Value = Annotated[Any, PlainValidator(field_value), WithJsonSchema(_VALUE_SCHEMA)]


def told_value(value: object) -> FieldValue | None:
    """A field's value; null removes the field.

    Raises:
        ValueError: see `field_value`.
    """
    return None if value is None else field_value(value)


ToldValue = Annotated[
    Any,
    PlainValidator(told_value),
    WithJsonSchema({"anyOf": [*_VALUE_SCHEMA["anyOf"], {"type": "null"}]}),
]


class Incoming(RequestBody):
    """Base of what clients send."""

    model_config = ConfigDict(strict=True)


class _Part(BaseModel, extra="forbid", strict=True):
    """A part of which a request has thousands: each of its fields says by itself what null is."""


class _Named(_Part):
    name: Annotated[str, StringConstraints(max_length=64), LINE]


class NamedValue(_Named):
    """One field of a ranking or an interaction."""

    value: Value


class ToldField(_Named):
    """One field of an item or a user; the value null removes it."""

    value: ToldValue


_NamedT = TypeVar("_NamedT", bound=_Named)


def by_name(fields: Sequence[NamedValue]) -> dict[str, FieldValue]:
    """Fields by their names."""
    return {one.name: one.value for one in fields}


def _told(fields: Sequence[ToldField]) -> dict[str, FieldValue | None]:
    return {one.name: one.value for one in fields}


def _each_once(fields: list[_NamedT]) -> list[_NamedT]:
    if len({one.name for one in fields}) != len(fields):
        names = [one.name for one in fields]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} stands twice: remove one")
    return fields


Fields = Annotated[list[NamedValue], Field(max_length=MAX_FIELDS), AfterValidator(_each_once)]
ToldFields = Annotated[list[ToldField], Field(max_length=MAX_FIELDS), AfterValidator(_each_once)]


class _EventBase(Incoming):
    id: Identifier
    timestamp: Timestamp


class ItemIn(_EventBase):
    """What is told of an item from `timestamp` on.

    A field that is left out stays as an earlier event told it; the value null removes it. Known
    fields: `title`, `text` or `description`, `category` (one or several), `price`, `available`
    (true until it is told) and `tags`; others are kept.
    """

    event: Literal["item"]
    item: Identifier
    fields: ToldFields = Field(default_factory=list)

    @field_validator("fields")
    @classmethod
    def _known_fields_fit(cls, fields: list[ToldField]) -> list[ToldField]:
        for one in fields:
            known = _KNOWN.get(one.name)
            if known is not None and one.value is not None and not known[0](one.value):
                raise ValueError(f"the field {one.name!r}: expected {known[1]}")
        return fields

    def as_event(self) -> Event:
        """The event."""
        return ItemEvent(self.id, self.timestamp, self.item, _told(self.fields))


class UserIn(_EventBase):
    """What is told of a user from `timestamp` on; fields are merged as an item's are."""

    event: Literal["user"]
    user: Identifier
    fields: ToldFields = Field(default_factory=list)

    def as_event(self) -> Event:
        """The event."""
        return User(self.id, self.timestamp, self.user, _told(self.fields))


class Shown(_Part):
    """A place of a ranking.

    `relevancy`, and `fields` of the item, are taken as Metarank's clients send them, and not used.
    """

    id: Identifier
    fields: Fields | None = None
    relevancy: Annotated[float, Field(allow_inf_nan=False)] | None = None


class RankingIn(_EventBase):
    """Items as they were shown, the first place first."""

    event: Literal["ranking"]
    user: Identifier | None = None
    session: Identifier | None = None
    items: Annotated[list[Shown], Field(max_length=MAX_ITEMS)]
    fields: Fields = Field(default_factory=list)

    def as_event(self) -> Event:
        """The event."""
        items = tuple(one.id for one in self.items)
        fields = by_name(self.fields)
        return RankingEvent(self.id, self.timestamp, self.user, self.session, items, fields)


class InteractionIn(_EventBase):
    """What a user or a session did with an item.

    `type`: click, view, cart, purchase, like, dislike, rating (with a field `value`), or another.
    A `ranking` that is not known, and an item that is not known, are taken all the same.
    """

    event: Literal["interaction"]
    type: Annotated[str, StringConstraints(max_length=64), LINE]
    user: Identifier | None = None
    session: Identifier | None = None
    item: Identifier
    ranking: Identifier | None = None
    fields: Fields = Field(default_factory=list)

    def as_event(self) -> Event:
        """The event."""
        return InteractionEvent(
            self.id,
            self.timestamp,
            self.type,
            self.user,
            self.session,
            self.item,
            self.ranking,
            by_name(self.fields),
        )


EventIn = Annotated[ItemIn | UserIn | RankingIn | InteractionIn, Field(discriminator="event")]
EVENT: TypeAdapter[ItemIn | UserIn | RankingIn | InteractionIn] = TypeAdapter(EventIn)


def _is_text(value: FieldValue) -> bool:
    return isinstance(value, str)


def _is_text_or_texts(value: FieldValue) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return all(isinstance(part, str) for part in parts)


def _is_price(value: FieldValue) -> bool:
    return isinstance(value, float) and value >= 0


_Check = tuple[Callable[[FieldValue], bool], str]
_KNOWN: Mapping[str, _Check] = {
    "title": (_is_text, "a text"),
    "text": (_is_text, "a text"),
    "description": (_is_text, "a text"),
    "category": (_is_text_or_texts, "a text or a list of texts"),
    "tags": (_is_text_or_texts, "a text or a list of texts"),
    "price": (_is_price, "a number of at least 0"),
    "available": (lambda value: isinstance(value, bool), "true or false"),
}
