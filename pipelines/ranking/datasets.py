"""Real data as the platform's events: what was learned from, and the queries that are asked.

    movies              each user of dev once, at the moment of the cut: all liked films of dev
    movies_next         each liked film of dev, after all that its user rated before it
    amazon_office       history to next item
    amazon_industrial   likewise

A film is liked from a rating of 4 on. Films seen before are not recommended; products are (a
twentieth of the next items is bought again).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from shared.errors import ArtifactError, InputError
from shared.ranking.arrays import Int64s
from shared.ranking.events import (
    Event,
    FieldValue,
    InteractionEvent,
    InteractionWeights,
    ItemEvent,
    interaction_weight,
)
from shared.tabular.rows import BadRow
from shared.tabular.table import open_table

_WEIGHTS = InteractionWeights()
_YEAR = re.compile(r"\((\d{4})\)\s*$")
_FIRST_YEAR = 1970
_AMAZON_START_MS = 1_500_000_000_000
_AMAZON_STEP_MS = 60_000


@dataclass(frozen=True, slots=True)
class HeldOutQuery:
    """At `time_s` a user with a history, oldest first, is about to choose the `relevant` items."""

    user: str
    time_s: float
    history: tuple[InteractionEvent, ...]
    relevant: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RankingData:
    """A catalogue, the events up to the cut in the order of time, and the queries after it."""

    name: str
    items: tuple[ItemEvent, ...]
    events: tuple[InteractionEvent, ...]
    queries: tuple[HeldOutQuery, ...]
    exclude_seen: bool

    @property
    def rows(self) -> dict[str, int]:
        """The place of each item in `items`."""
        return {item.item: row for row, item in enumerate(self.items)}

    def first_seen_after_the_cut(self) -> Int64s:
        """The rows of the items that no event up to the cut names, rising."""
        seen = {event.item for event in self.events}
        return np.array([r for r, item in enumerate(self.items) if item.item not in seen], np.int64)


def read_dataset(name: str, folder: Path) -> RankingData:
    """Reads one of `DATASETS` from the folder that holds `recommendation/`.

    Raises:
        ArtifactError: the name is not known, or a file is missing or no JSON Lines.
    """
    read = DATASETS.get(name)
    if read is None:
        raise ArtifactError(f"there is no data set {name!r}: choose from {', '.join(DATASETS)}")
    try:
        return read(name, folder / "recommendation")
    except (InputError, ValueError, KeyError) as error:
        reason = f"a row has no {error}" if isinstance(error, KeyError) else str(error)
        raise ArtifactError(f"{name} in {folder} cannot be read: {reason}") from error


def split(events: Iterable[Event], share: float = 0.9, most_queries: int = 2_000) -> RankingData:
    """Stored events cut in time: of the behaviour `share` is learned from, the rest is asked.

    Each later interaction that is positive is a query, the latest `most_queries`.

    Raises:
        InputError: there is nothing to ask.
    """
    ordered = sorted(events, key=lambda event: (event.timestamp_ms, event.id))
    described = {event.item: event for event in ordered if isinstance(event, ItemEvent)}
    behaviour = [e for e in ordered if isinstance(e, InteractionEvent) and e.user is not None]
    for event in behaviour:
        described.setdefault(event.item, ItemEvent(event.id, event.timestamp_ms, event.item))
    cut = int(len(behaviour) * share)
    queries = tuple(_next_liked(behaviour[:cut], behaviour[cut:]))[-most_queries:]
    if not queries or not cut:
        raise InputError(
            f"{len(behaviour)} interactions of users are too few to measure on: load more events"
        )
    return RankingData(
        "stored events", tuple(described.values()), tuple(behaviour[:cut]), queries, True
    )


def _movies(name: str, folder: Path) -> RankingData:
    events, asked = (
        [
            _rating(f"{part}-{number}", row)
            for number, row in enumerate(_rows(folder / f"movies.events.{part}.jsonl.gz"))
        ]
        for part in ("train", "dev")
    )
    find = _at_the_cut if name == "movies" else _next_liked
    return RankingData(
        name,
        tuple(_film(row) for row in _rows(folder / "movies.items.jsonl.gz")),
        tuple(events),
        tuple(find(events, asked)),
        exclude_seen=True,
    )


def _at_the_cut(
    events: Iterable[InteractionEvent], asked: list[InteractionEvent]
) -> Iterator[HeldOutQuery]:
    histories = _by_user(events)
    time_s = asked[0].timestamp_ms / 1000.0
    for user, chosen in _by_user(asked).items():
        liked = tuple(event.item for event in chosen if is_liked(event))
        if liked:
            yield HeldOutQuery(user, time_s, tuple(histories.get(user, ())), liked)


def _next_liked(
    events: Iterable[InteractionEvent], asked: list[InteractionEvent]
) -> Iterator[HeldOutQuery]:
    histories = _by_user(events)
    for event in asked:
        history = histories.setdefault(event.user or "", [])
        if is_liked(event):
            time_s = event.timestamp_ms / 1000.0
            yield HeldOutQuery(event.user or "", time_s, tuple(history), (event.item,))
        history.append(event)


def is_liked(event: InteractionEvent) -> bool:
    """Whether an interaction is positive: a rating of 4 and up, a click, a purchase."""
    return interaction_weight(event.type, event.fields, _WEIGHTS) >= 1.0


def _amazon(name: str, folder: Path) -> RankingData:
    histories: dict[str, list[str]] = {}
    for pair in _rows(folder / f"{name}.train.jsonl"):
        histories.setdefault(pair["user_id"], []).append(pair["item_id"])
    events = [event for user, items in histories.items() for event in _purchases(user, items)]
    return RankingData(
        name,
        tuple(_product(row) for row in _rows(folder / f"{name}.items.jsonl.gz")),
        tuple(sorted(events, key=lambda event: event.timestamp_ms)),
        tuple(_query(row) for row in _rows(folder / f"{name}.dev.jsonl")),
        exclude_seen=False,
    )


def _query(row: Mapping[str, Any]) -> HeldOutQuery:
    user, items = row["user_id"], row["history"]
    time_ms = _AMAZON_START_MS + len(items) * _AMAZON_STEP_MS
    history = tuple(_purchases(user, items))
    return HeldOutQuery(user, time_ms / 1000.0, history, (row["next_item"],))


def _purchases(user: str, items: Iterable[str]) -> Iterator[InteractionEvent]:
    """The data gives an order and no times: each purchase is a minute after the last one."""
    for place, item in enumerate(items):
        time_ms = _AMAZON_START_MS + place * _AMAZON_STEP_MS
        yield InteractionEvent(f"{user}-{place}", time_ms, "purchase", user, None, item)


def _rating(id: str, row: Mapping[str, Any]) -> InteractionEvent:
    fields: dict[str, FieldValue] = {"value": float(row["rating"])}
    time_ms = int(row["timestamp"]) * 1000
    user, item = row["user_id"], row["item_id"]
    return InteractionEvent(id, time_ms, "rating", user, None, item, None, fields)


def _film(row: Mapping[str, object]) -> ItemEvent:
    fields: dict[str, FieldValue] = {
        "title": str(row["title"]),
        "category": _strings(row["genres"]),
        "description": str(row["description"]),
        "tags": _strings(row["keywords"]),
    }
    # "Heat (1995)": a film is as old as its title says, and new in its year.
    year = _YEAR.search(str(row["title"]))
    start = datetime(int(year[1]) if year else _FIRST_YEAR, 1, 1, tzinfo=UTC)
    time_ms = max(int(start.timestamp() * 1000), 0)
    return ItemEvent(f"item-{row['item_id']}", time_ms, str(row["item_id"]), fields)


def _product(row: Mapping[str, object]) -> ItemEvent:
    fields: dict[str, FieldValue] = {
        "title": str(row["title"]),
        "description": str(row["description"]).strip(),
    }
    return ItemEvent(f"item-{row['item_id']}", 0, str(row["item_id"]), fields)


def _strings(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _by_user(events: Iterable[InteractionEvent]) -> dict[str, list[InteractionEvent]]:
    by_user: dict[str, list[InteractionEvent]] = {}
    for event in events:
        by_user.setdefault(event.user or "", []).append(event)
    return by_user


def _rows(path: Path) -> Iterator[Any]:
    for row in open_table(path).rows():
        if isinstance(row, BadRow):
            raise ArtifactError(f"{path}, line {row.number}: {row.reason}")
        yield row.values


DATASETS: Mapping[str, Callable[[str, Path], RankingData]] = {
    "movies": _movies,
    "movies_next": _movies,
    "amazon_office": _amazon,
    "amazon_industrial": _amazon,
}
