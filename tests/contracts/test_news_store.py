"""What the stream's one transaction promises, on every database."""

import random
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import services.sentiment.migrations
from services.sentiment.arrivals import Prepared, RecordOutcome
from services.sentiment.reading import NewsReader
from services.sentiment.store import NewsStore, StoredNews
from services.sentiment.tables import (
    ALERT,
    ALERT_EVENT,
    ARTICLE,
    LEDGER,
    MENTION,
    OUTBOX,
    SURGE,
    WINDOW,
)
from shared.clock import ManualClock
from shared.delivery.outbox import Outbox
from shared.sentiment.surge import SurgeDetector, SurgeSettings
from shared.sentiment.watermark import Silence
from shared.storage.database import Database
from shared.storage.migrations import migrate
from shared.streaming.consumer import PartitionProgress
from shared.streaming.ledger.reader import LedgerReader
from tests.harness.sentiment.made import START_S, TOPIC, TOPIC_ID, dead, news, progress, surge

NOW_S = START_S + 86_400
"""Long after what the tests send."""

MIGRATIONS = Path(services.sentiment.migrations.__file__).parent


def store_on(database: Database, max_mentions: int = 4096) -> NewsStore:
    return NewsStore(
        database,
        SurgeDetector(SurgeSettings()),
        allowed_lateness_s=300.0,
        max_skew_s=10.0,
        has_webhook=True,
        clock=ManualClock(NOW_S),
        max_mentions=max_mentions,
    )


@pytest.fixture
def store(database: Database) -> NewsStore:
    migrate(database, MIGRATIONS)
    return store_on(database)


def rows(database: Database, table: sa.Table, *columns: str) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        found = connection.execute(sa.select(*(table.c[name] for name in columns)))
        return sorted(map(tuple, found), key=repr)


def windows(database: Database) -> list[tuple[Any, ...]]:
    names = ("tenant", "entity", "size_s", "start_s", "negative", "neutral", "positive", "late")
    return rows(database, WINDOW, *names)


def alerts(database: Database) -> list[tuple[Any, ...]]:
    names = ("tenant", "fingerprint", "episode_start", "entity", "state", "fired_at", "resolved_at")
    return rows(database, ALERT, *names, "figures", "version")


def quiet(partitions: Iterable[int]) -> dict[int, Silence]:
    """These partitions are silent as of now."""
    return dict.fromkeys(partitions, Silence(NOW_S, NOW_S))


def ends(items: Sequence[Prepared]) -> dict[int, int]:
    return {item.record.partition: item.record.offset + 1 for item in items}


def test_a_batch_is_counted_for_each_tenant(store: NewsStore, database: Database) -> None:
    items: list[Prepared] = [
        news(0, 0, 0, tenant="acme"),
        news(0, 1, 10_000, tenant="acme"),
        news(0, 2, 0, tenant="acme"),
        news(0, 3, 0, tenant="acme", news_id="0-0", text="other"),
        news(1, 0, 0),
        dead(1, 1, b"{"),
    ]

    for _ in range(2):
        store.store(items, progress(ends(items)))

    expected = {
        "acme": {"scored": 3, "conflict": 1, "late": 1},
        "default": {"scored": 1},
        "": {"dead": 1},
    }
    assert tenant_counts(database, expected) == expected


def test_a_database_of_the_version_before_knows_what_each_tenant_sent(database: Database) -> None:
    migrate(database, MIGRATIONS, revision="0003")
    inbox = [("acme", "scored"), ("acme", "scored"), ("acme", "conflict"), ("", "dead")]
    with database.write() as connection:
        for offset, (tenant, outcome) in enumerate([*inbox, ("default", "scored")]):
            place = {"topic": TOPIC_ID, "offset": offset, "tenant": tenant, "outcome": outcome}
            connection.execute(
                sa.text(
                    'INSERT INTO inbox (topic_id, partition, "offset", tenant, outcome, stored_at)'
                    " VALUES (:topic, 0, :offset, :tenant, :outcome, 0)"
                ),
                place,
            )
        for offset, late in enumerate([True, False]):
            connection.execute(
                sa.text(
                    "INSERT INTO article (uid, tenant, id, source, text, published_at, "
                    'effective_at, late, topic_id, partition, "offset", label, negative, neutral, '
                    "positive, bundle) VALUES (:uid, 'acme', :id, 's', 't', 0, 0, :late, :topic, "
                    "0, :offset, 'neutral', 0, 1, 0, 'b')"
                ),
                {
                    "uid": f"{offset:032}",
                    "id": str(offset),
                    "late": late,
                    "topic": TOPIC_ID,
                    "offset": offset,
                },
            )

    migrate(database, MIGRATIONS)

    expected = {"acme": {"scored": 2, "conflict": 1, "late": 1}, "default": {"scored": 1}, "": {}}
    assert tenant_counts(database, expected) == expected


def test_a_database_of_the_version_before_keeps_its_counts(database: Database) -> None:
    migrate(database, MIGRATIONS, revision="0005")
    partitions = "topic_id, partition, next_offset, end_offset, idle, updated_at"
    with database.write() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO topic (topic_id, name, partitions, seen_at, inclusive) "
                "VALUES (:topic, 'news', 2, 0, :inclusive)"
            ),
            {"topic": TOPIC_ID, "inclusive": True},
        )
        connection.execute(
            sa.text(
                f"INSERT INTO partition_progress ({partitions}, scored, duplicates, conflicts, "
                "dead_letters, late) VALUES (:topic, :partition, 9, 9, :idle, 0, 3, 1, 1, 2, 1)"
            ),
            [{"topic": TOPIC_ID, "partition": number, "idle": False} for number in range(2)],
        )
        connection.execute(
            sa.text(
                "INSERT INTO tenant_count (topic_id, tenant, outcome, records) "
                "VALUES (:topic, :tenant, :outcome, :records)"
            ),
            [
                {"topic": TOPIC_ID, "tenant": tenant, "outcome": outcome, "records": records}
                for tenant, outcome, records in (
                    ("acme", "scored", 4),
                    ("default", "scored", 2),
                    ("acme", "duplicate", 1),
                    ("acme", "late", 2),
                )
            ],
        )

    migrate(database, MIGRATIONS)

    figures = NewsReader(database).topic(TOPIC)
    names = ("scored", "duplicate", "conflict", "late", "dead")
    assert tuple(figures.counts[name] for name in names) == (6, 2, 2, 2, 4)
    of_acme = NewsReader(database).topic(TOPIC, "acme")
    assert tuple(of_acme.counts[name] for name in names) == (4, 1, 0, 2, 0)
    assert sorted(rows(database, LEDGER.partitions, "partition", "next_offset")) == [(0, 9), (1, 9)]


def tenant_counts(database: Database, tenants: Iterable[str]) -> dict[str, dict[str, int]]:
    counts = LedgerReader(LEDGER)
    with database.read() as connection:
        return {tenant: dict(counts.counts(connection, TOPIC_ID, tenant)) for tenant in tenants}


def test_a_batch_is_stored_with_all_that_follows_from_it(
    store: NewsStore, database: Database
) -> None:
    items: list[Prepared] = [
        news(0, 0, 10, {"Acme": "negative", "Bolt": "positive"}, label="neutral"),
        news(1, 0, 400, {"Acme": "negative"}, label="negative"),
        dead(0, 1, b"{"),
    ]

    stored = store.store(items, progress(ends(items)))

    assert stored.outcomes[RecordOutcome.SCORED] == 2
    assert rows(database, LEDGER.inbox, "topic_id", "partition", "offset", "outcome") == [
        (TOPIC_ID, 0, 0, "scored"),
        (TOPIC_ID, 0, 1, "dead"),
        (TOPIC_ID, 1, 0, "scored"),
    ]
    assert rows(database, ARTICLE, "id", "label", "published_at", "bundle") == [
        ("0-0", "neutral", START_S + 10, "finance-sentiment@1"),
        ("1-0", "negative", START_S + 400, "finance-sentiment@1"),
    ]
    assert rows(database, MENTION, "entity", "label", "start", "end") == [
        ("Acme", "negative", 0, 4),
        ("Acme", "negative", 0, 4),
        ("Bolt", "positive", 0, 4),
    ]
    start = int(START_S)
    assert [row for row in windows(database) if row[1:3] in (("Acme", 300), ("", 3600))] == [
        ("default", "", 3600, start, 1, 1, 0, 0),
        ("default", "Acme", 300, start, 1, 0, 0, 0),
        ("default", "Acme", 300, start + 300, 1, 0, 0, 0),
    ]
    assert rows(database, LEDGER.dead_letters, "partition", "offset", "reason", "value") == [
        (0, 1, "bad-json", b"{")
    ]
    assert rows(database, OUTBOX, "sink", "key", "payload", "attempts") == [
        ("dead-letters", f"{TOPIC_ID}:0:1", b"{", 0)
    ]
    assert rows(database, LEDGER.partitions, "partition", "next_offset") == [(0, 2), (1, 1)]
    assert rows(database, LEDGER.counts, "tenant", "outcome", "records") == [
        ("", "dead", 1),
        ("default", "scored", 2),
    ]


def test_a_batch_that_comes_again_changes_nothing(store: NewsStore, database: Database) -> None:
    items = [news(0, n, n * 60, {"Acme": "negative"}) for n in range(5)] + [dead(0, 5)]
    store.store(items, progress(ends(items)))
    before = [
        windows(database),
        rows(database, LEDGER.inbox, "offset"),
        rows(database, OUTBOX, "id"),
    ]

    again = store.store([*items, news(0, 6, 400)], progress({0: 7}))

    assert again.outcomes == {
        RecordOutcome.SCORED: 1,
        RecordOutcome.REPEATED: 6,
        RecordOutcome.DUPLICATE: 0,
        RecordOutcome.CONFLICT: 0,
        RecordOutcome.DEAD: 0,
    }
    assert len(rows(database, LEDGER.inbox, "offset")) == len(before[1]) + 1
    assert rows(database, OUTBOX, "id") == before[2]
    of_acme = [row for row in windows(database) if row[1] == "Acme"]
    assert of_acme == [row for row in before[0] if row[1] == "Acme"]


def test_of_one_id_the_first_text_counts(store: NewsStore, database: Database) -> None:
    first = news(0, 0, 0, {"Acme": "negative"}, news_id="a", text="first")
    same = news(0, 1, 10, {"Acme": "negative"}, news_id="a", text="first")
    other = news(1, 0, 20, {"Acme": "positive"}, news_id="a", text="other")
    elsewhere = news(1, 1, 20, {"Acme": "positive"}, news_id="a", text="other", tenant="acme")

    store.store([first, same], progress({0: 2, 1: 0}))
    stored = store.store([other, elsewhere], progress({0: 2, 1: 2}))

    assert (stored.outcomes[RecordOutcome.CONFLICT], stored.outcomes[RecordOutcome.SCORED]) == (
        1,
        1,
    )
    assert rows(database, LEDGER.inbox, "partition", "offset", "outcome") == [
        (0, 0, "scored"),
        (0, 1, "duplicate"),
        (1, 0, "conflict"),
        (1, 1, "scored"),
    ]
    assert rows(database, ARTICLE, "tenant", "text") == [("acme", "other"), ("default", "first")]
    assert [row[:2] + row[4:] for row in windows(database) if row[1:3] == ("Acme", 300)] == [
        ("acme", "Acme", 0, 0, 1, 0),
        ("default", "Acme", 1, 0, 0, 0),
    ]
    figures = NewsReader(database).topic(TOPIC)
    assert figures.counts == {"scored": 2, "duplicate": 1, "conflict": 1}


def test_late_news_corrects_its_windows_and_no_alert(store: NewsStore, database: Database) -> None:
    store.store([news(0, 0, 1000, {"Acme": "neutral"})], progress({0: 1}))

    stored = store.store(
        [news(0, 1, 700, {"Acme": "negative"}), news(0, 2, 699, {"Acme": "negative"})],
        progress({0: 3}),
    )

    assert stored.late == 1
    late = [row for row in windows(database) if row[1:3] == ("Acme", 300) and row[7]]
    assert late == [("default", "Acme", 300, int(START_S) + 600, 2, 0, 0, 1)]
    assert rows(database, ARTICLE, "id", "late", "effective_at") == [
        ("0-0", False, START_S + 1000),
        ("0-1", False, START_S + 1000),
        ("0-2", True, START_S + 1000),
    ]
    applied = rows(database, MENTION, "offset", "entity", "applied")
    assert [row for row in applied if row[2]] == [(2, "Acme", True)]


def test_a_partition_without_news_holds_back_until_it_is_idle(
    store: NewsStore, database: Database
) -> None:
    both = (0, 1)
    acme = news(0, 0, 100, {"Acme": "neutral"})
    first = store.store([acme], progress({0: 1, 1: 0}, partitions=both))
    assert first.mark.time is None

    one_quiet = store.settle(progress({0: 1, 1: 0}, partitions=both), quiet({1}))
    assert one_quiet is not None
    assert (one_quiet.mark.time, one_quiet.mark.inclusive) == (START_S + 100, False)
    assert {row[0] for row in rows(database, MENTION, "applied")} == {False}

    all_quiet = store.settle(progress({0: 1, 1: 0}, partitions=both), quiet({0, 1}))
    assert all_quiet is not None
    assert all_quiet.mark.inclusive
    assert {row[0] for row in rows(database, MENTION, "applied")} == {True}
    assert store.settle(progress({0: 1, 1: 0}, partitions=both), quiet({0, 1})) is None

    store.store([news(1, 0, 90)], progress({0: 1, 1: 1}, partitions=both))
    assert dict(rows(database, LEDGER.partitions, "partition", "idle")) == {0: True, 1: False}


def test_a_member_that_was_frozen_marks_nothing_idle_that_went_on(
    store: NewsStore, database: Database
) -> None:
    store.store([news(0, 0, 0), news(0, 1, 1)], progress({0: 2}))

    store.settle(progress({0: 1}), quiet({0}))

    assert rows(database, LEDGER.partitions, "idle", "next_offset") == [(False, 2)]


def test_nobody_waits_for_a_partition_whose_records_cannot_be_unpacked(
    store: NewsStore, database: Database
) -> None:
    store.store([news(0, 0, 100, {"Acme": "neutral"})], progress({0: 1}, partitions=(0, 1)))
    held = PartitionProgress(2, 2, 9, held=True)
    told = progress({0: 1}, partitions=(0, 1))

    settled = store.settle(replace(told, owned={**told.owned, 1: held}), quiet({0, 1}))

    assert settled is not None
    assert settled.mark.time == START_S + 100
    assert rows(database, LEDGER.partitions, "partition", "next_offset", "end_offset", "idle") == [
        (0, 1, 1, True),
        (1, 2, 9, True),
    ]


def run(
    store: NewsStore, items: Sequence[Prepared], batches: Iterator[int], partitions: int
) -> None:
    """Stores a log in batches of these sizes, then everything is idle."""
    seen = dict.fromkeys(range(partitions), 0)
    start = 0
    while start < len(items):
        part = items[start : start + next(batches)]
        start += len(part)
        seen.update(ends(part))
        store.store(part, progress(seen))
    while store.settle(progress(seen), quiet(seen)) is not None:
        pass


def planted(partitions: int, seed: int) -> list[Prepared]:
    """A day's log with a surge, the partitions interleaved at random, each in its own order."""
    rng = random.Random(seed)
    logs: list[list[Prepared]] = [[] for _ in range(partitions)]
    for number, (time_s, entities) in enumerate(surge()):
        log = logs[number % partitions]
        label = "negative" if "negative" in entities.values() else "neutral"
        news_id = f"{number}"
        log.append(
            news(number % partitions, len(log), time_s, entities, news_id=news_id, label=label)
        )
    order = [number for number, log in enumerate(logs) for _ in log]
    rng.shuffle(order)
    return [logs[number].pop(0) for number in order]


def test_alerts_and_windows_are_the_same_for_any_batches_and_interleaving(
    database: Database,
) -> None:
    results = []
    for seed in range(3):
        migrate(database, MIGRATIONS)
        rng = random.Random(seed)
        sizes = iter(lambda rng=rng: rng.choice((1, 7, 100, 256)), None)  # type: ignore[misc]
        store = store_on(database, max_mentions=(4096, 50, 333)[seed])
        run(store, planted(3, seed), sizes, 3)
        assert {row[0] for row in rows(database, MENTION, "applied")} == {True}
        results.append((windows(database), alerts(database), rows(database, OUTBOX, "sink")))
        clear(database)

    assert results[0] == results[1] == results[2]
    of_acme = [row for row in results[0][1] if row[3] == "Acme"]
    assert [(row[4], row[5] is not None) for row in of_acme] == [("resolved", True)]
    assert not [row for row in results[0][1] if row[3] == "Other"]


def clear(database: Database) -> None:
    read = (LEDGER.inbox, LEDGER.partitions, LEDGER.counts)
    tables = (*read, ARTICLE, MENTION, WINDOW, SURGE, ALERT, ALERT_EVENT, OUTBOX)
    with database.write() as connection:
        for table in tables:
            connection.execute(table.delete())
        connection.exec_driver_sql("DELETE FROM topic")


def test_an_alert_is_one_row_with_its_events_and_messages(
    store: NewsStore, database: Database
) -> None:
    run(store, planted(2, 0), iter(lambda: 64, None), 2)

    reader = NewsReader(database)
    (alert,) = reader.alerts("default", state=None, entity="Acme", limit=10)
    assert alert.state == "resolved"
    assert alert.fired_at is not None
    assert alert.resolved_at is not None
    assert alert.started_at <= alert.fired_at < alert.resolved_at
    assert alert.drivers
    assert all(str(driver["text"]).startswith("text ") for driver in alert.drivers)
    assert reader.alert("default", alert.uid) == alert
    assert reader.alerts("other", state=None, entity=None, limit=10) == []
    assert reader.alerts("default", state="firing", entity=None, limit=10) == []

    events = [e for e in reader.events(0, 100, "default") if e.payload["uid"] == alert.uid]
    assert [event.state for event in events] == ["pending", "firing", "resolved"]
    assert events[-1].payload == alert.as_json()
    assert reader.events(0, 100, "other") == []
    keys = [key for sink, key in rows(database, OUTBOX, "sink", "key") if sink == "webhook"]
    assert {f"{alert.uid}:firing", f"{alert.uid}:resolved"} <= set(keys)


def test_what_fails_leaves_nothing(
    store: NewsStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    items: list[Prepared] = [news(0, 0, 0, {"Acme": "negative"}), dead(0, 1)]
    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "put", fail)
        with pytest.raises(ZeroDivisionError):
            store.store(items, progress({0: 2}))
    tables = (LEDGER.inbox, ARTICLE, LEDGER.partitions, LEDGER.counts)
    assert [rows(database, table, "topic_id") for table in tables] == [[]] * 4
    assert windows(database) == []

    stored = store.store(items, progress({0: 2}))
    assert stored.outcomes[RecordOutcome.SCORED] == 1


def test_a_topic_made_anew_starts_over_and_the_old_one_stays(
    store: NewsStore, database: Database
) -> None:
    store.store([news(0, n, n, news_id=f"old{n}") for n in range(3)], progress({0: 3}))
    renewed = [news(0, n, n, news_id=f"new{n}", topic_id="another") for n in range(2)]

    stored = store.store(renewed, progress({0: 2}, topic_id="another"))

    assert stored.outcomes[RecordOutcome.SCORED] == 2
    assert len(rows(database, LEDGER.inbox, "offset")) == 5
    assert len(rows(database, ARTICLE, "id")) == 5


def test_writers_at_once_lose_nothing(database: Database) -> None:
    """Two members store the same records and others of the same ids, entities and windows."""
    migrate(database, MIGRATIONS)
    raised: list[BaseException] = []
    results: list[StoredNews] = []

    def write(mine: int) -> None:
        store = store_on(database)
        try:
            for start in range(0, 100, 20):
                own = [news(mine, n, n, {"Acme": "negative"}) for n in range(start, start + 20)]
                both = [news(2, n, n, {"Acme": "positive"}) for n in range(start, start + 20)]
                batch = [*own, *both]
                results.append(store.store(batch, progress(ends(batch), partitions=range(3))))
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=write, args=(mine,)) for mine in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert raised == []
    assert sum(stored.outcomes[RecordOutcome.SCORED] for stored in results) == 300
    day = [row for row in windows(database) if row[1:3] == ("Acme", 86_400)]
    assert [row[4:] for row in day] == [(200, 0, 100, 0)]


def test_a_reader_is_never_held_up(store: NewsStore, database: Database) -> None:
    store.store([news(0, 0, 0)], progress({0: 1}))
    with database.write() as connection:
        connection.execute(LEDGER.inbox.update().values(tenant="held"))

        assert NewsReader(database).topic(TOPIC).topic_id == TOPIC_ID
        assert NewsReader(database).last_event() == 0


def test_text_that_a_database_refuses_is_stored_as_it_can(
    store: NewsStore, database: Database
) -> None:
    strange = "🙂 שלום ﷽ Grüße\u2028" + "e\u0301" * 50
    store.store([news(0, 0, 0, {"世界 🙂": "positive"}, text=strange)], progress({0: 1}))

    assert rows(database, ARTICLE, "text") == [(strange,)]
    assert NewsReader(database).entities("default", 5)[0][0] == "世界 🙂"
