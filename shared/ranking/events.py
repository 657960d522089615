"""What happens: items and users as they are described, rankings as shown, and what people do.

An event is named by its `id`, unique for a tenant; the same id twice is the same event, and whoever
stores events drops the second. Times are Unix milliseconds, as in Metarank.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import Field

from shared.config import Settings

FieldValue = str | float | bool | tuple[str, ...] | tuple[float, ...]

Told = Mapping[str, FieldValue | None]
"""Fields that an event tells: what it leaves out stays as it is, None removes a field."""


@dataclass(frozen=True, slots=True)
class ItemEvent:
    """What is told of an item from `timestamp_ms` on; of each field the newest event holds."""

    id: str
    timestamp_ms: int
    item: str
    fields: Told = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UserEvent:
    """What is told of a user from `timestamp_ms` on; of each field the newest event holds."""

    id: str
    timestamp_ms: int
    user: str
    fields: Told = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RankingEvent:
    """Items as they were shown, the first place first."""

    id: str
    timestamp_ms: int
    user: str | None
    session: str | None
    items: tuple[str, ...]
    fields: Mapping[str, FieldValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InteractionEvent:
    """What a user or a session did with an item; `ranking` is the id of the ranking it answers."""

    id: str
    timestamp_ms: int
    type: str
    user: str | None
    session: str | None
    item: str
    ranking: str | None = None
    fields: Mapping[str, FieldValue] = field(default_factory=dict)


Event = ItemEvent | UserEvent | RankingEvent | InteractionEvent


class InteractionWeights(Settings):
    """How much an interaction says for an item: below 0 against it, 0 nothing.

    A `rating` is judged by its number, the field `value` (or `rating`): `rated_high` from
    `high_rating` on, `rated_low` below `low_rating`, else `rated_between`. A rating without a
    number, and a type that is not named here, weigh `other`.
    """

    by_type: dict[str, float] = Field(
        default={
            "view": 0.5,
            "click": 1.0,
            "cart": 2.0,
            "purchase": 3.0,
            "like": 2.0,
            "dislike": -1.0,
        }
    )
    other: float = 0.5
    high_rating: float = 4.0
    low_rating: float = 3.0
    rated_high: float = 2.0
    rated_between: float = 0.5
    rated_low: float = -1.0


def interaction_weight(
    type: str, fields: Mapping[str, FieldValue], weights: InteractionWeights
) -> float:
    """The weight of an interaction of a type with its fields."""
    if type == "rating":
        rating = _number(fields.get("value", fields.get("rating")))
        if rating is None:
            return weights.other
        if rating >= weights.high_rating:
            return weights.rated_high
        return weights.rated_low if rating < weights.low_rating else weights.rated_between
    return weights.by_type.get(type, weights.other)


def item_text(fields: Told) -> str:
    """The text by which an item is embedded, '' if it has none.

    Title, categories and tags come first, because an encoder cuts a long text at its end.
    """
    text = fields.get("text") or fields.get("description") or ""
    parts = [
        *strings(fields.get("title")),
        ", ".join(strings(fields.get("category"))),
        ", ".join(strings(fields.get("tags"))),
        *strings(text),
    ]
    return ". ".join(part for part in map(str.strip, parts) if part)


def strings(value: FieldValue | None) -> tuple[str, ...]:
    """The strings of a field that may hold one, several, or something else (then none)."""
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, Iterable):
        return tuple(part for part in value if isinstance(part, str) and part)
    return ()


def _number(value: FieldValue | None) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
