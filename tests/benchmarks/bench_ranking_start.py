"""How long a start of the rankings takes, from all stored events and from a snapshot.

    python -m tests.benchmarks.bench_ranking_start [--events N] [--items N] [--users N]

Made events are stored in a SQLite file; then the application is opened without a trunk and without
HTTP until its rankings are ready: once with no snapshot, which writes one, and once with it. It
also prints how long the states are copied for a snapshot, while no event is applied.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.payloads import NewEvent
from services.recommendation.rankings.vectors import Bundle, VectorStore
from services.recommendation.store import FeedbackStore
from shared.errors import DependencyError
from shared.ranking.events import Event, InteractionEvent, ItemEvent
from tests.harness.recommendation.application import open_service
from tests.harness.recommendation.fakes import WIDTH, FakeProbe, FakeTrunk

FIRST_MS = 1_760_000_000_000
BATCH = 2_000
KINDS = ("click", "view", "cart", "purchase")


def made(events: int, items: int, users: int) -> Iterator[Event]:
    """Items, then interactions of few users with many items and of many with few."""
    dice = random.Random(1)
    for number in range(items):
        fields = {"title": f"Thing {number}", "category": f"c{number % 50}"}
        yield ItemEvent(f"i{number}", FIRST_MS, f"item-{number}", fields)
    for number in range(events - items):
        user = int(dice.expovariate(5 / users)) % users
        item = int(dice.paretovariate(0.6)) % items
        session = f"s-{user}-{number // 50_000}"
        yield InteractionEvent(
            f"e{number}",
            FIRST_MS + number * 1000,
            dice.choice(KINDS),
            f"user-{user}",
            session,
            f"item-{item}",
        )


def fill(settings: RecommendationSettings, events: Iterator[Event]) -> None:
    """Stores the events, and notes the bundle that would embed the items."""
    database = open_database(settings)
    store = FeedbackStore(database)
    while batch := [NewEvent.of("default", event) for event in islice(events, BATCH)]:
        store.store(batch)
    VectorStore(database).serve(Bundle("embed@1", WIDTH))
    database.close()


async def start(settings: RecommendationSettings) -> tuple[float, float]:
    """The seconds until rankings are ready, and those that copying their states takes."""
    trunk = FakeTrunk()
    trunk.error = DependencyError("there is no trunk here")
    begun_s = time.perf_counter()
    service = open_service(settings, trunk, FakeProbe())
    service.start()
    while (await service.readiness())["rankings"] != "ready":
        await asyncio.sleep(0.02)
    ready_s = time.perf_counter() - begun_s
    follower = service._follower
    assert follower is not None
    while not follower._snapshots.on_disk_seq:
        await asyncio.sleep(0.1)
    begun_s = time.perf_counter()
    follower.rankings.dump()
    copied_s = time.perf_counter() - begun_s
    await service.close()
    return ready_s, copied_s


def main() -> None:
    """Fills a database, starts twice, and prints the times."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--users", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        every = min(50_000, options.events)
        settings = RecommendationSettings(state_dir=Path(folder), snapshot_events=every)
        fill(settings, made(options.events, options.items, options.users))
        without, _ = asyncio.run(start(settings))
        with_snapshot, copied = asyncio.run(start(settings))
    print(f"{options.events:,} events: ready after {without:.1f} s from all of them")
    print(f"ready after {with_snapshot:.1f} s from a snapshot; copied for one in {copied:.2f} s")


if __name__ == "__main__":
    main()
