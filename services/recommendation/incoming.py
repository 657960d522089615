"""Events as clients send them, in Metarank's shapes: a key that does not exist is a fault.

Source: Metarank documentation, "Event schema".
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
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
from shared.text.identifiers import Identifier
from shared.validation.forms import LINE, PLAIN
from shared.validation.values import found

MAX_TEXT_CHARS = 131_072
MAX_FIELDS = 64
MAX_VALUES = 100
MAX_ITEMS = 10_000
LATEST_MS = 7_258_118_400_000  # The year 2200.

_CONTROL = r"\x00-\x08\x0B\x0C\x0E-\x1F\x7F"
_FORBIDDEN = re.compile(f"[{_CONTROL}]")
_LARGEST = 1e15


def milliseconds(value: object) -> object:
    """A decimal number as Metarank's clients quote it; anything else is left to the next check."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 15:
        return int(value)
    return value


Category = Annotated[str, StringConstraints(max_length=1_000), PLAIN]
"""A category in an address, without control characters."""

Timestamp = Annotated[
    int,
    BeforeValidator(milliseconds),
    Field(ge=0, le=LATEST_MS, description="Milliseconds since 1970, UTC; also as a string."),
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


class Incoming(BaseModel):
    """Base of what clients send."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NamedValue(Incoming):
    """One field of an item, a user, a ranking or an interaction."""

    name: Annotated[str, StringConstraints(max_length=64), LINE]
    value: Value


def by_name(fields: Sequence[NamedValue]) -> dict[str, FieldValue]:
    """Fields by their names."""
    return {one.name: one.value for one in fields}


def _each_once(fields: list[NamedValue]) -> list[NamedValue]:
    if len({one.name for one in fields}) != len(fields):
        names = [one.name for one in fields]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} stands twice: remove one")
    return fields


Fields = Annotated[list[NamedValue], Field(max_length=MAX_FIELDS)]


class _EventBase(Incoming):
    id: Identifier
    timestamp: Timestamp
    fields: Fields = Field(default_factory=list)

    _fields_once = field_validator("fields")(_each_once)


class ItemIn(_EventBase):
    """An item as it is from `timestamp` on: the fields of its newest event hold, whole.

    Known fields: `title`, `text` or `description`, `category` (one or several), `price`,
    `available` (true without it) and `tags`; others are kept.
    """

    event: Literal["item"]
    item: Identifier

    @field_validator("fields")
    @classmethod
    def _known_fields_fit(cls, fields: list[NamedValue]) -> list[NamedValue]:
        for one in fields:
            known = _KNOWN.get(one.name)
            if known is not None and not known[0](one.value):
                raise ValueError(f"the field {one.name!r}: expected {known[1]}")
        return fields

    def as_event(self) -> Event:
        """The event."""
        return ItemEvent(self.id, self.timestamp, self.item, by_name(self.fields))


class UserIn(_EventBase):
    """A user as known from `timestamp` on."""

    event: Literal["user"]
    user: Identifier

    def as_event(self) -> Event:
        """The event."""
        return User(self.id, self.timestamp, self.user, by_name(self.fields))


class Shown(Incoming):
    """A place of a ranking; `relevancy` is taken from Metarank's clients, and not used."""

    id: Identifier
    relevancy: Annotated[float, Field(allow_inf_nan=False)] | None = None


class RankingIn(_EventBase):
    """Items as they were shown, the first place first."""

    event: Literal["ranking"]
    user: Identifier | None = None
    session: Identifier | None = None
    items: Annotated[list[Shown], Field(max_length=MAX_ITEMS)]

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
