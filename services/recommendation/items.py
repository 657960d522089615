"""Items' rows: their fields merged from all events that tell of them, and what to embed of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from services.recommendation.payloads import decode_fields, digest
from services.recommendation.tables import ITEM
from shared.ranking.behaviour.fields import Age, Effect, MergedFields
from shared.ranking.catalogue import tie_breaker
from shared.ranking.events import FieldValue, ItemEvent, item_text
from shared.storage.statements import chunks, pairs_after, pairs_in, upsert

_REPLACED = (
    "fields",
    "field_ages",
    "text_digest",
    "updated_ms",
    "updated_tie",
    "first_seen_ms",
    "available",
)

_UNTOLD: Age = (-1, -1)
"""Stands for no event: less than the age of every one."""

ItemKey = tuple[str, str]
"""An item's tenant and id."""


@dataclass(slots=True)
class _Item:
    """What is stored of an item; `newest` is the age of its newest event."""

    fields: MergedFields = field(default_factory=MergedFields)
    newest: Age = _UNTOLD
    first_seen_ms: int = 0

    @classmethod
    def of(cls, row: RowMapping) -> Self:
        """The item of a row; what `field_ages` does not name is as old as the newest event."""
        newest = (row["updated_ms"], row["updated_tie"])
        values = decode_fields(orjson.loads(row["fields"]))
        named = {name: tuple(age) for name, age in orjson.loads(row["field_ages"]).items()}
        ages = {**dict.fromkeys(values, newest), **named}
        return cls(MergedFields(values, ages), newest, row["first_seen_ms"])

    def take(self, event: ItemEvent) -> Effect:
        """Takes an event; an item that was not known is changed by whatever is told of it."""
        age = (event.timestamp_ms, tie_breaker(event.id))
        effect = self.fields.take(event.fields, age)
        if self.newest == _UNTOLD:
            self.newest, self.first_seen_ms = age, event.timestamp_ms
            return Effect.CHANGED
        self.newest = max(self.newest, age)
        self.first_seen_ms = min(self.first_seen_ms, event.timestamp_ms)
        return effect

    def events(self, item: str) -> list[ItemEvent]:
        """Events that tell the same; the first one is of when the item was first seen."""
        by_age: dict[int, dict[str, FieldValue | None]] = {self.first_seen_ms: {}}
        for name, (time_ms, _) in self.fields.ages.items():
            by_age.setdefault(time_ms, {})[name] = self.fields.values.get(name)
        return [
            ItemEvent(f"kept-{item}", time_ms, item, fields)
            for time_ms, fields in sorted(by_age.items())
        ]

    def row(self, key: ItemKey) -> dict[str, object]:
        """The row of the item."""
        values = self.fields.values
        ages = {
            name: age
            for name, age in self.fields.ages.items()
            if age != self.newest or name not in values
        }
        text = item_text(values)
        return {
            "tenant": key[0],
            "item": key[1],
            "fields": orjson.dumps(values, option=orjson.OPT_SORT_KEYS),
            "field_ages": orjson.dumps(ages),
            "text_digest": digest(text.encode()) if text else "",
            "updated_ms": self.newest[0],
            "updated_tie": self.newest[1],
            "first_seen_ms": self.first_seen_ms,
            "available": values.get("available", True),
        }


def put_items(
    connection: Connection, events: Sequence[tuple[str, ItemEvent]]
) -> tuple[Effect, ...]:
    """Merges events of tenants into the items' rows, in the caller's transaction, in order."""
    keys = {(tenant, event.item) for tenant, event in events}
    items = _read(connection, keys)
    effects = tuple(
        items.setdefault((tenant, event.item), _Item()).take(event) for tenant, event in events
    )
    upsert(connection, ITEM, [one.row(key) for key, one in items.items()], replaced=_REPLACED)
    return effects


def _read(connection: Connection, keys: Iterable[ItemKey]) -> dict[ItemKey, _Item]:
    found: dict[ItemKey, _Item] = {}
    for part in chunks(sorted(keys)):
        where = pairs_in(ITEM.c.tenant, ITEM.c.item, part)
        for row in connection.execute(sa.select(ITEM).where(where)).mappings():
            found[row["tenant"], row["item"]] = _Item.of(row)
    return found


def read_page(
    connection: Connection, after: ItemKey, limit: int
) -> tuple[list[tuple[str, ItemEvent]], ItemKey | None]:
    """What the next items, of those after a key, were told, as events; None at the end.

    An event is made for each age of an item's fields, so that others can still be merged with it.
    """
    order = (ITEM.c.tenant, ITEM.c.item)
    query = sa.select(ITEM).where(pairs_after(*order, after)).order_by(*order).limit(limit)
    rows = connection.execute(query)
    told: list[tuple[str, ItemEvent]] = []
    key: ItemKey | None = None
    count = 0
    for row in rows.mappings():
        key, count = (row["tenant"], row["item"]), count + 1
        told.extend((key[0], event) for event in _Item.of(row).events(key[1]))
    return told, key if count == limit else None
