"""Rows of a table as events: the columns that they need, their times, and an id from the content.

A row that has `event` and `id` is an event already, in the platform's own shape. Other rows:

- items: `item_id`; `title`, `description` (or `text`), `category`, `tags`, `price`, `available`,
  `timestamp`; several categories or tags stand in a list, or in a CSV's cell with `|` between.
- events: `item_id`, `timestamp`, `user_id` or `session` or both, `type` or `rating` or both;
  `ranking`, the id of the ranking that the event answers.

What other columns hold becomes fields of the event. An id that is made is the beginning of the
content's SHA-256: the same row is the same event, however often it is loaded.
"""

import difflib
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import orjson
from pydantic import ValidationError

from services.recommendation.incoming import EVENT
from shared.errors import InputError
from shared.ranking.timestamps import unix_ms
from shared.tabular.cells import LIST_MARK, listed
from shared.tabular.headings import shown
from shared.validation.faults import Fault, faults_of
from shared.validation.values import found

Json = dict[str, object]

_LISTS = ("category", "tags")
_ID_CHARS = 32
_TRUE = frozenset({"true", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "no", "n", "0", "0.0"})
_SHOWN_FAULTS = 3


@dataclass(frozen=True, slots=True)
class RowKind:
    """What a table holds: of each group of columns it needs one; `make` is given a row's values."""

    name: str
    needed: tuple[tuple[str, ...], ...]
    others: tuple[str, ...]
    make: Callable[[Mapping[str, object], int], Json]


def event_of(kind: RowKind, values: Mapping[str, object], undated_ms: int) -> Json:
    """The event of a row, as the platform takes it; an item without a time is of `undated_ms`.

    Raises:
        InputError: the row is not an event; the message names the column and the value.
    """
    event = dict(values) if _is_event(values) else kind.make(_filled(values), undated_ms)
    try:
        EVENT.validate_python(event)
    except ValidationError as error:
        faults = faults_of(error, event)[:_SHOWN_FAULTS]
        said = "; ".join(f"{_place(event, fault)}: {fault.message}" for fault in faults)
        raise InputError(said) from None
    return event


def known_columns(kind: RowKind) -> tuple[str, ...]:
    """The columns that mean something, whose headings may be in another case."""
    return tuple(dict.fromkeys([*(name for group in kind.needed for name in group), *kind.others]))


def check_columns(kind: RowKind, columns: Sequence[str], path: Path, found: str) -> None:
    """Refuses a table whose header misses what every row needs; `found` is how it was read.

    Raises:
        InputError: a column is missing; the message says which is likely to be meant.
    """
    if _is_event(columns):
        return
    for group in kind.needed:
        if not any(name in columns for name in group):
            wanted = " or ".join(group)
            raise InputError(
                f"{path}: the {kind.name} need a column {wanted}; there are "
                f"{shown(columns)} (read as {found}): {_likely(group, columns)}"
            )


def _is_event(columns: Collection[str]) -> bool:
    return "event" in columns and "id" in columns


def _filled(values: Mapping[str, object]) -> dict[str, object]:
    """Without what says nothing: null, an empty text, not a number."""
    return {
        name: value
        for name, value in values.items()
        if value is not None and value != "" and value == value
    }


def _item_event(values: Mapping[str, object], undated_ms: int) -> Json:
    rest = dict(values)
    item = _name(rest, "item_id")
    stamp = rest.pop("timestamp", None)
    timestamp = undated_ms if stamp is None else milliseconds(stamp)
    return _with_id(
        {"event": "item", "timestamp": timestamp, "item": item, "fields": _fields(rest)}
    )


def _interaction_event(values: Mapping[str, object], _undated_ms: int) -> Json:
    rest = dict(values)
    item, stamp = _name(rest, "item_id"), rest.pop("timestamp", None)
    if stamp is None:
        raise InputError("the timestamp is empty")
    who = {
        key: _name(rest, column)
        for key, column in (("user", "user_id"), ("session", "session"), ("ranking", "ranking"))
        if column in rest
    }
    if "user" not in who and "session" not in who:
        raise InputError("user_id and session are both empty: one of them says whose event it is")
    rating, named = rest.pop("rating", None), rest.pop("type", None)
    if rating is None and named is None:
        raise InputError("type and rating are both empty: one of them says what happened")
    kind = "rating" if named is None else str(named)
    if rating is not None:
        rest["value" if kind == "rating" else "rating"] = _number("rating", rating)
    told = {"timestamp": milliseconds(stamp), "type": kind, "item": item, "fields": _fields(rest)}
    return _with_id({"event": "interaction", **told, **who})


ITEMS = RowKind(
    "items",
    (("item_id",),),
    ("title", "description", "text", "category", "tags", "price", "available", "timestamp"),
    _item_event,
)
EVENTS = RowKind(
    "events",
    (("item_id",), ("timestamp",), ("user_id", "session"), ("type", "rating")),
    ("ranking",),
    _interaction_event,
)


def _with_id(event: Json) -> Json:
    content = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    return {**event, "id": hashlib.sha256(content).hexdigest()[:_ID_CHARS]}


def _fields(values: Mapping[str, object]) -> list[Json]:
    return [{"name": name, "value": _value(name, value)} for name, value in values.items()]


def _value(name: str, value: object) -> object:
    """A value as a field takes it; a CSV's cells are all texts."""
    if name in _LISTS and isinstance(value, str) and LIST_MARK in value:
        return listed(value)
    if name == "price":
        return _number(name, value)
    if name == "available":
        return _truth(name, value)
    if isinstance(value, list):
        return [_plain(name, part) for part in value]
    return _plain(name, value)


def _plain(name: str, value: object) -> object:
    """What JSON has; Parquet's decimals become floats, its times ISO 8601."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, str | bool | int | float):
        return value
    raise InputError(
        f"the {name}: expected a text, a number, true or false, or a list of texts or of numbers, "
        f"found {found(value)}"
    )


def _name(rest: dict[str, object], column: str) -> str:
    """An id, whose number a file may have kept as such: 7.0 is the item 7."""
    value = rest.pop(column, None)
    if value is None:
        raise InputError(f"the {column} is empty")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"the {column} {value!r} is not an id: expected a text or a whole number")
    return str(value)


def _number(name: str, value: object) -> float:
    if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    raise InputError(f"the {name} {value!r} is not a number such as 12.50")


def milliseconds(value: object) -> int:
    """Unix milliseconds of ISO 8601, Unix seconds, Unix milliseconds, or a date of Parquet.

    A time without time zone is UTC. A number below 100,000,000,000 is in seconds.

    Raises:
        InputError: it is not a time, or lies before 1973-03-03 or after 2199.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        return unix_ms(value, zone=UTC)
    except ValueError as error:
        raise InputError(f"the timestamp {error}") from None


def _truth(name: str, value: object) -> bool:
    word = str(value).lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InputError(f"{name} is {value!r}: expected true or false")


def _likely(group: Sequence[str], columns: Sequence[str]) -> str:
    """What to do about a missing column."""
    plain = {name.lower().replace(" ", "_").replace("-", "_"): name for name in columns}
    for name in group:
        if close := difflib.get_close_matches(name, plain, n=1, cutoff=0.7):
            return f"is it {plain[close[0]]!r}? then rename that to {name}"
    return f"rename the one that is meant to {group[0]}"


def _place(event: Json, fault: Fault) -> str:
    """A fault's key; a field by its own name."""
    fields = event.get("fields")
    match fault.place:
        case ("fields", int(index), *_) if isinstance(fields, list) and index < len(fields):
            field = fields[index]
            return str(field.get("name", fault.place) if isinstance(field, dict) else fault.place)
    return fault.location or "event"
