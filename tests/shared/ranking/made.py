"""Events, vectors and states for tests: a word is a direction, and time starts at `START_MS`."""

import hashlib
from collections.abc import Iterable
from itertools import count

import numpy as np

from shared.ranking.arrays import Float32s
from shared.ranking.events import (
    Event,
    FieldValue,
    InteractionEvent,
    ItemEvent,
    UserEvent,
    item_text,
)
from shared.ranking.features.table import feature_matrix, feature_names
from shared.ranking.query import Query
from shared.ranking.settings import StateSettings
from shared.ranking.state import RankingState

WIDTH = 16
START_MS = 1_700_000_000_000
DAY_MS = 86_400_000

_numbers = count()


def vector(text: str) -> Float32s:
    """The normalised sum of the directions of a text's words."""
    total = np.zeros(WIDTH, np.float32)
    for word in text.lower().replace(".", "").replace(",", "").split():
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
        total += np.random.default_rng(seed).standard_normal(WIDTH, np.float32)
    norm = float(np.linalg.norm(total))
    return total / norm if norm else total


def item(name: str, *, at_ms: int = START_MS, **fields: FieldValue) -> ItemEvent:
    return ItemEvent(f"item-{next(_numbers)}", at_ms, name, fields)


def user(name: str, *, at_ms: int = START_MS, **fields: FieldValue) -> UserEvent:
    return UserEvent(f"user-{next(_numbers)}", at_ms, name, fields)


def did(
    who: str | None,
    what: str,
    name: str,
    *,
    at_ms: int = START_MS,
    session: str | None = None,
    **fields: FieldValue,
) -> InteractionEvent:
    """`did("ann", "click", "lamp")`."""
    number = next(_numbers)
    return InteractionEvent(f"did-{number}", at_ms, what, who, session, name, None, fields)


def state_of(events: Iterable[Event], settings: StateSettings | None = None) -> RankingState:
    """A state to which events were applied, with the vectors of the items' texts."""
    state = RankingState(WIDTH, settings or StateSettings())
    for event in events:
        state.apply(event)
        if isinstance(event, ItemEvent) and item_text(event.fields):
            state.set_vectors([event.item], vector(item_text(event.fields))[np.newaxis])
    return state


def asked(
    who: str | None = None,
    *,
    session: str | None = None,
    at_ms: int = START_MS + DAY_MS,
    shown: tuple[str, ...] = (),
    **fields: FieldValue,
) -> Query:
    return Query(who, session, at_ms / 1000, fields, shown)


def features_of(state: RankingState, query: Query, *items: str) -> dict[str, list[float]]:
    """The features of some items by the feature's name."""
    matrix = feature_matrix(query, state.catalogue.rows_of(items), state)
    return dict(zip(feature_names(), matrix.T.tolist(), strict=True))
