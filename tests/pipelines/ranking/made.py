"""A small shop with two tastes: who likes one half of the items does not like the other."""

from dataclasses import replace

import numpy as np

from pipelines.ranking.datasets import RankingData, split
from shared.ranking.arrays import Float32s
from shared.ranking.events import Event, InteractionEvent, ItemEvent

ITEMS, USERS, EACH = 40, 60, 8


def events() -> list[Event]:
    generator = np.random.default_rng(0)
    made: list[Event] = [
        ItemEvent(f"i{n}", 0, f"item{n}", {"title": f"item {n}"}) for n in range(ITEMS)
    ]
    for user in range(USERS):
        half = np.arange(user % 2, ITEMS, 2)
        chosen = generator.choice(half, EACH, replace=False)
        for place, item in enumerate(chosen.tolist()):
            time_ms = 1_600_000_000_000 + place * 60_000 + user * 1_000
            made.append(
                InteractionEvent(
                    f"{user}-{place}", time_ms, "click", f"u{user}", None, f"item{item}"
                )
            )
    return made


def data() -> RankingData:
    return replace(split(events(), 0.8), name="made")


def vectors(count: int = ITEMS) -> Float32s:
    """Items of one taste have similar texts."""
    generator = np.random.default_rng(1)
    made = generator.normal(size=(count, 8)).astype(np.float32) * 0.3
    made[0::2, 0] += 1.0
    made[1::2, 1] += 1.0
    unit: Float32s = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return unit
