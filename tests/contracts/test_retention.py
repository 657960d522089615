"""What goes when it is old, and what stays however old it is, on every database."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

import services.sentiment.migrations
from services.sentiment.arrivals import Prepared, RecordOutcome
from services.sentiment.retention import NewsRetention, rules
from services.sentiment.store import NewsStore
from services.sentiment.tables import (
    ALERT,
    ALERT_EVENT,
    ARTICLE,
    LEDGER,
    MENTION,
    SURGE,
    WINDOW,
)
from shared.clock import ManualClock
from shared.sentiment.surge import SurgeDetector, SurgeSettings
from shared.storage.database import Database
from shared.storage.migrations import migrate
from shared.storage.retention import DAY_S, Retention
from shared.telemetry import REGISTRY
from tests.harness.sentiment.made import START_S, dead, news, progress, surge

MIGRATIONS = Path(services.sentiment.migrations.__file__).parent
OTHER_TOPIC_ID = "5f0c2c1e-0000-4000-8000-000000000002"


@pytest.fixture
def clock() -> ManualClock:
    # Identifiers carry the machine's time.
    return ManualClock(time.time())


@pytest.fixture
def store(database: Database, clock: ManualClock) -> NewsStore:
    migrate(database, MIGRATIONS)
    return NewsStore(
        database,
        SurgeDetector(SurgeSettings()),
        allowed_lateness_s=300.0,
        max_skew_s=10.0,
        has_webhook=True,
        clock=clock,
    )


def retention(
    database: Database, store: NewsStore, clock: ManualClock, **days: float | None
) -> Retention:
    settings = NewsRetention(**days)
    return Retention(database, rules(settings), settings, take_turn=store.take_turn, clock=clock)


def count(database: Database, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(*conditions)
    with database.read() as connection:
        return connection.execute(query).scalar_one()


def deleted_rows(kind: str) -> float:
    """What the metric counts."""
    return REGISTRY.get_sample_value("banyan_retention_deleted_rows_total", {"kind": kind}) or 0.0


def put(
    store: NewsStore, items: Sequence[Prepared], *, idle: bool = False
) -> dict[RecordOutcome, int]:
    ends = {item.record.partition: item.record.offset + 1 for item in items}
    topic_id = items[0].record.topic_id
    stored = store.store(items, progress(ends, topic_id=topic_id), set(ends) if idle else set())
    return {outcome: number for outcome, number in stored.outcomes.items() if number}


def test_records_whose_inbox_is_gone_are_still_known(
    database: Database, store: NewsStore, clock: ManualClock
) -> None:
    items = [news(0, n, n, {"Acme": "negative"}) for n in range(30)]
    items += [news(1, n, n) for n in range(5)]
    put(store, items)
    put(store, [dead(0, 30)])
    windows = count(database, WINDOW)
    clock.advance(8 * DAY_S)
    put(store, [news(0, 31, 31)])

    gone = retention(database, store, clock, articles_days=1.0).purge()

    assert (gone["inbox"], count(database, LEDGER.inbox)) == (36, 1)
    assert (gone["article"], count(database, ARTICLE)) == (36, 0)
    # All of it is read again: none of it counts, and none of it is an article a second time.
    assert put(store, items) == {RecordOutcome.REPEATED: 35}
    assert put(store, [dead(0, 30), news(0, 31, 31), news(0, 32, 32)]) == {
        RecordOutcome.REPEATED: 2,
        RecordOutcome.SCORED: 1,
    }
    assert count(database, WINDOW) == windows
    assert count(database, ARTICLE) == 1


def test_an_article_goes_with_its_mentions_unless_one_is_still_to_be_read(
    database: Database, store: NewsStore, clock: ManualClock
) -> None:
    put(store, [news(0, n, n * 60, {"Acme": "negative", "Bolt": "neutral"}) for n in range(10)])
    unread = count(database, MENTION, ~MENTION.c.applied)
    assert 0 < unread < 20
    clock.advance(1_000 * DAY_S)

    gone = retention(database, store, clock).purge()

    kept = -(-unread // 2)
    assert gone["article"] == 10 - kept
    assert (count(database, ARTICLE), count(database, MENTION)) == (kept, 2 * kept)
    assert count(database, MENTION, ~MENTION.c.applied) == unread


def test_an_alert_stays_while_it_lasts_and_long_after_it_is_resolved(
    database: Database, store: NewsStore, clock: ManualClock
) -> None:
    texts = [(at, judged) for at, judged in surge() if at < 8 * 3600 + 900]
    put(store, [news(0, n, at, judged) for n, (at, judged) in enumerate(texts)], idle=True)
    assert count(database, ALERT, ALERT.c.state == "firing") == 1
    clock.advance(1_000 * DAY_S)
    old = retention(database, store, clock)
    old.purge()
    assert count(database, ALERT, ALERT.c.state == "firing") == 1
    assert count(database, SURGE, SURGE.c.active) == 1

    put(store, [news(0, len(texts), (clock.time() - START_S), {"Other": "neutral"})], idle=True)
    assert count(database, ALERT, ALERT.c.state == "resolved") == 1
    events = count(database, ALERT_EVENT)
    assert events >= 3
    clock.advance(1_000 * DAY_S)
    gone = old.purge()

    assert gone["alert"] == 1
    assert (count(database, ALERT), count(database, ALERT_EVENT)) == (0, 0)


def test_windows_and_baselines_count_their_age_from_when_they_were_stored(
    database: Database, store: NewsStore, clock: ManualClock
) -> None:
    """A file of old news that is replayed is not gone the next day."""
    items = [news(0, n, n * 60, {"Acme": "neutral"}) for n in range(3)]
    put(store, items, idle=True)
    keep = retention(database, store, clock)
    sizes = {size: count(database, WINDOW, WINDOW.c.size_s == size) for size in (300, 3_600)}
    assert clock.time() - START_S > 700 * DAY_S

    assert sum(keep.purge().values()) == 0
    clock.advance(91 * DAY_S)
    gone = keep.purge()
    assert (gone["window_5min"], gone["window_60min"], gone["entity"]) == (sizes[300], 0, 0)
    clock.advance(700 * DAY_S)
    gone = keep.purge()

    assert (gone["window_60min"], gone["entity"]) == (sizes[3_600], 1)
    assert count(database, WINDOW) == count(database, SURGE) == 0


def test_dead_letters_and_topics_of_before_go_and_the_present_topic_stays(
    database: Database, store: NewsStore, clock: ManualClock
) -> None:
    put(store, [dead(0, 0)])
    clock.advance(DAY_S)
    put(store, [news(0, 0, 0, topic_id=OTHER_TOPIC_ID)])
    keep = retention(database, store, clock)

    clock.advance(8 * DAY_S)
    keep.purge()
    # Its dead letter is there, so that the topic is.
    assert (count(database, LEDGER.topics), count(database, LEDGER.dead_letters)) == (2, 1)
    clock.advance(30 * DAY_S)
    keep.purge()
    keep.purge()

    assert (count(database, LEDGER.topics), count(database, LEDGER.dead_letters)) == (1, 0)
    assert count(database, LEDGER.partitions) == 1
    clock.advance(1_000 * DAY_S)
    keep.purge()
    assert (count(database, LEDGER.topics), count(database, LEDGER.partitions)) == (1, 1)


def test_what_has_no_limit_stays(database: Database, store: NewsStore, clock: ManualClock) -> None:
    put(store, [news(0, n, n, {"Acme": "neutral"}) for n in range(3)] + [dead(0, 3)])
    names = [name for name in NewsRetention.model_fields if name.endswith("_days")]
    clock.advance(10_000 * DAY_S)

    gone = retention(database, store, clock, **dict.fromkeys(names)).purge()

    assert gone == {}
    assert count(database, LEDGER.inbox) == 4


def test_a_thousand_rows_go_in_parts(
    database: Database, store: NewsStore, clock: ManualClock
) -> None:
    for start in range(0, 1_000, 200):
        put(store, [news(0, n, n) for n in range(start, start + 200)])
    clock.advance(8 * DAY_S)
    most = 0
    settings = NewsRetention(batch_rows=64)
    inbox = rules(settings)[0]

    def delete(connection: sa.Connection, before_s: float, limit: int) -> int:
        nonlocal most
        deleted = inbox.delete(connection, before_s, limit)
        most = max(most, deleted)
        return deleted

    keep = Retention(database, [replace(inbox, delete=delete)], settings, clock=clock)
    before = deleted_rows("inbox")

    assert keep.purge() == {"inbox": 1_000}
    assert most <= 64
    assert deleted_rows("inbox") - before == 1_000
