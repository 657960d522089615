"""What the store of feedback promises, on every database."""

import threading
import uuid
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

import services.recommendation.migrations
from services.recommendation.config import RecommendationSettings
from services.recommendation.items import ItemKey
from services.recommendation.payloads import NewEvent
from services.recommendation.rankings.vectors import Bundle, ItemText, VectorStore
from services.recommendation.reading import FeedbackReader
from services.recommendation.store import EventOutcome, FeedbackStore
from services.recommendation.tables import EVENT, ITEM, LEDGER
from shared.clock import ManualClock
from shared.ranking.events import (
    Event,
    FieldValue,
    InteractionEvent,
    ItemEvent,
    RankingEvent,
    UserEvent,
)
from shared.storage.database import Database
from shared.storage.migrations import migrate
from shared.streaming.ledger.reader import LedgerReader
from tests.harness.recommendation.application import open_service, until_ready
from tests.harness.recommendation.fakes import FakeProbe, FakeTrunk
from tests.harness.recommendation.made import START_MS, click, item, new
from tests.harness.waiting import until

MIGRATIONS = Path(services.recommendation.migrations.__file__).parent


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    migrate(database, MIGRATIONS)
    return FeedbackStore(database, ManualClock())


@pytest.fixture
def reader(database: Database) -> FeedbackReader:
    return FeedbackReader(database)


def test_every_kind_of_event_comes_back_as_it_was(
    store: FeedbackStore, reader: FeedbackReader
) -> None:
    fields: dict[str, FieldValue] = {
        "a": "ä\u2028x",
        "b": 1.5,
        "c": True,
        "d": ("x", "y"),
        "e": (1.0, 2.0),
    }
    events: list[Event] = [
        ItemEvent("1", START_MS, "lamp", fields),
        UserEvent("2", START_MS, "ann", {}),
        RankingEvent("3", START_MS, None, "s1", ("lamp", "desk"), fields),
        InteractionEvent("4", START_MS, "click", "ann", None, "lamp", "3", {}),
    ]

    stored = store.store(new(events))

    assert stored.outcomes == (EventOutcome.STORED,) * 4
    read = reader.after(0)
    assert read == list(stored.events)
    assert [one.event for one in read] == events
    assert [one.seq for one in read] == [1, 2, 3, 4]
    assert reader.after(4) == []


def test_an_event_that_comes_again_changes_nothing(
    store: FeedbackStore, reader: FeedbackReader
) -> None:
    first = item("lamp", title="Lamp", price=3.0)
    store.store(new([first]))

    again = store.store(new([first, click("ann", "lamp"), first, click("ann", "lamp")]))
    other = store.store(new([item("lamp", title="Lamp", price=4.0)]))

    repeated, conflict = EventOutcome.REPEATED, EventOutcome.CONFLICT
    assert again.outcomes == (repeated, EventOutcome.STORED, repeated, repeated)
    assert other.outcomes == (conflict,)
    assert [one.seq for one in reader.after(0)] == [1, 2]
    assert reader.after(0)[0].event == first


def test_within_a_batch_the_first_of_an_id_counts(
    store: FeedbackStore, reader: FeedbackReader
) -> None:
    stored = store.store(new([click("ann", "a", event_id="x"), click("ann", "b", event_id="x")]))

    assert stored.outcomes == (EventOutcome.STORED, EventOutcome.CONFLICT)
    (one,) = reader.after(0)
    assert isinstance(one.event, InteractionEvent)
    assert one.event.item == "a"


def test_tenants_have_ids_of_their_own(store: FeedbackStore, reader: FeedbackReader) -> None:
    store.store(new([click("ann", "a", event_id="x")]))

    stored = store.store(new([click("bob", "b", event_id="x")], "acme"))

    assert stored.outcomes == (EventOutcome.STORED,)
    assert [one.tenant for one in reader.after(0)] == ["default", "acme"]
    assert [event.id for event in reader.replay("acme")] == ["x"]


def test_a_replay_is_in_the_order_of_the_events_times(
    store: FeedbackStore, reader: FeedbackReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.recommendation.reading._PAGE", 3)
    times_s = [5.0, 1.0, 3.0, 3.0, 3.0, 3.0, 2.0, 0.0]
    events = [
        click("ann", "a", at_s=at_s, event_id=f"e{place}") for place, at_s in enumerate(times_s)
    ]
    store.store(new(events))

    replayed = [event.id for event in reader.replay("default")]

    assert replayed == ["e7", "e1", "e6", "e2", "e3", "e4", "e5", "e0"]


def test_each_field_of_an_item_is_as_the_newest_event_that_names_it_tells_it(
    store: FeedbackStore, database: Database
) -> None:
    store.store(new([item("lamp", at_s=10, title="Second", available=False), item("bare")]))
    later = store.store(
        new(
            [
                item("lamp", at_s=5, title="First"),
                item("lamp", at_s=1),
                item("lamp", at_s=7, price=3.0, tags="a"),
                removed("lamp", "tags", at_s=8),
                item("lamp", at_s=6, tags="b"),
                item("lamp", at_s=9, price=3.0),
            ]
        )
    )
    older, unchanged, stored = EventOutcome.OLDER, EventOutcome.UNCHANGED, EventOutcome.STORED
    assert later.outcomes == (older, unchanged, stored, stored, older, unchanged)

    with database.read() as connection:
        columns = ITEM.c
        query = sa.select(
            columns.item, columns.fields, columns.available, columns.updated_ms
        ).order_by(columns.item)
        rows = [tuple(row) for row in connection.execute(query)]
        first_seen = connection.execute(
            sa.select(columns.first_seen_ms).where(columns.item == "lamp")
        ).scalar_one()
    assert rows == [
        ("bare", b"{}", True, START_MS),
        ("lamp", b'{"available":false,"price":3.0,"title":"Second"}', False, START_MS + 10_000),
    ]
    assert first_seen == START_MS + 1_000


def removed(name: str, field: str, *, at_s: float) -> ItemEvent:
    time_ms = START_MS + int(at_s * 1000)
    return ItemEvent(f"removed-{name}-{at_s:g}", time_ms, name, {field: None})


def test_writers_that_meet_leave_no_gap_and_lose_nothing(
    store: FeedbackStore, database: Database, reader: FeedbackReader
) -> None:
    def write(number: int) -> None:
        own = FeedbackStore(database)
        for start in range(0, 40, 4):
            shared = click("all", f"i{start}", event_id=f"shared-{start}")
            events = [
                click("ann", f"i{place}", event_id=f"{number}-{place}")
                for place in range(start, start + 4)
            ]
            own.store(new([*events, shared]))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    read = reader.after(0)
    assert [one.seq for one in read] == list(range(1, 4 * 40 + 10 + 1))
    assert len({one.event.id for one in read}) == len(read)


def test_nothing_of_a_batch_is_there_when_it_fails(
    store: FeedbackStore, database: Database, reader: FeedbackReader
) -> None:
    class Failed(Exception):
        pass

    with pytest.raises(Failed), database.write() as connection:
        store.take_turn(connection)
        store.put(connection, new([click("ann", "a"), item("lamp", title="Lamp")]))
        raise Failed

    assert reader.after(0) == []
    with database.read() as connection:
        assert connection.execute(sa.select(ITEM)).all() == []


def test_numbers_go_on_after_a_restart(store: FeedbackStore, database: Database) -> None:
    store.store(new([click("ann", "a")]))

    stored = FeedbackStore(database).store(new([click("ann", "b")]))

    assert [one.seq for one in stored.events] == [2]


def test_vectors_are_kept_with_their_bundle_and_text(
    store: FeedbackStore, database: Database
) -> None:
    vectors = VectorStore(database)
    store.store(new([item("lamp", title="Lamp"), item("desk", title="Desk"), item("bare")]))

    standing, after = vectors.page("embed@1", ("", ""))
    assert ([one.text for one in standing.missing], after) == (["Desk", "Lamp"], None)
    vectors.put("embed@1", standing.missing, np.eye(2, 3, dtype=np.float32))

    assert vectors.page("embed@1", ("", ""))[0].missing == []
    assert len(vectors.page("embed@2", ("", ""))[0].missing) == 2
    (loaded,) = vectors.load("embed@1")
    assert (loaded.tenant, loaded.items) == ("default", ["desk", "lamp"])
    np.testing.assert_array_equal(loaded.vectors, np.eye(2, 3, dtype=np.float32))
    assert list(vectors.load("embed@2")) == []

    store.store(
        new([item("lamp", at_s=1, title="Another lamp"), item("desk", at_s=1, title="Desk")])
    )
    keys = [("default", name) for name in ("lamp", "desk", "bare", "unknown")]
    standing = vectors.standing(keys, "embed@1")
    assert standing.ready == [("default", "desk")]
    assert [one.text for one in standing.missing] == ["Another lamp"]


def test_vectors_of_two_bundles_stand_beside_each_other(
    store: FeedbackStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.recommendation.rankings.vectors._PAGE", 2)
    vectors = VectorStore(database)
    for tenant in ("a", "b"):
        store.store(new([item(f"i{n}", title=f"Item {n}") for n in range(2)], tenant))
    texts = [*vectors.page("x", ("", ""))[0].missing, *vectors.page("x", ("a", "i1"))[0].missing]
    assert (vectors.serving(), vectors.bundles()) == (None, [])

    first, second = Bundle("embed@1", 2), Bundle("embed@2", 3)
    assert vectors.serve_first(first) == first
    assert vectors.serve_first(second) == first
    vectors.put(first.id, texts, np.ones((4, 2), np.float32))
    vectors.put(second.id, texts[:3], np.ones((3, 3), np.float32))
    assert vectors.bundles() == ["embed@1", "embed@2"]
    assert sum(len(part.items) for part in vectors.load("embed@1")) == 4

    vectors.serve(second)
    assert vectors.serving() == second
    assert [vectors.delete_some("embed@1") for _ in range(3)] == [2, 2, 0]
    assert vectors.bundles() == ["embed@2"]
    assert sum(len(part.items) for part in vectors.load("embed@2")) == 3


def test_a_database_of_the_version_before_serves_the_bundle_with_most_vectors(
    database: Database,
) -> None:
    migrate(database, MIGRATIONS, revision="0001")
    made = [("a", "embed@1"), ("b", "embed@1"), ("c", "embed@2")]
    with database.write() as connection:
        for name, bundle in made:
            connection.execute(
                sa.text("INSERT INTO item_vector VALUES ('default', :name, :bundle, 'd', :vector)"),
                {"name": name, "bundle": bundle, "vector": np.ones(4, np.float32).tobytes()},
            )

    migrate(database, MIGRATIONS)

    vectors = VectorStore(database)
    assert vectors.serving() == Bundle("embed@1", 4)
    assert [list(part.items) for part in vectors.load("embed@1")] == [["a", "b"]]
    assert [list(part.items) for part in vectors.load("embed@2")] == [["c"]]


def test_a_database_of_the_version_before_knows_what_each_tenant_stored(
    database: Database,
) -> None:
    topic_id = str(uuid.uuid4())
    migrate(database, MIGRATIONS, revision="0004")
    sources = [("a", "http"), ("a", f"{topic_id}/0/7"), ("b", f"{topic_id}/1/7"), ("b", "http")]
    with database.write() as connection:
        for seq, (tenant, source) in enumerate([*sources, ("b", f"{topic_id}/1/8")]):
            connection.execute(
                sa.text(
                    "INSERT INTO event (stored_seq, tenant, id, kind, timestamp_ms, payload, "
                    "digest, source, stored_at) "
                    "VALUES (:seq, :tenant, :id, 'item', 0, :payload, 'd', :source, 0)"
                ),
                {
                    "seq": seq,
                    "tenant": tenant,
                    "id": str(seq),
                    "payload": b"{}",
                    "source": source,
                },
            )

    migrate(database, MIGRATIONS)

    counts = LedgerReader(LEDGER)
    with database.read() as connection:
        assert counts.counts(connection, topic_id, "a") == {"stored": 1}
        assert counts.counts(connection, topic_id, "b") == {"stored": 2}
        assert counts.counts(connection, "http", "b") == {}


def test_a_database_of_the_version_before_keeps_its_counts(database: Database) -> None:
    topic_id = str(uuid.uuid4())
    migrate(database, MIGRATIONS, revision="0006")
    with database.write() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO topic (topic_id, name, partitions, seen_at) "
                "VALUES (:topic, 'behaviour', 1, 0)"
            ),
            {"topic": topic_id},
        )
        connection.execute(
            sa.text(
                "INSERT INTO partition_progress (topic_id, partition, next_offset, end_offset, "
                "updated_at, stored, repeated, conflicts, dead_letters) "
                "VALUES (:topic, 0, 20, 20, 0, 10, 4, 1, 5)"
            ),
            {"topic": topic_id},
        )
        connection.execute(
            sa.text(
                "INSERT INTO tenant_count (topic_id, tenant, outcome, records) "
                "VALUES (:topic, 'acme', :outcome, :records)"
            ),
            [
                {"topic": topic_id, "outcome": outcome, "records": records}
                for outcome, records in (("stored", 7), ("unchanged", 2), ("older", 1))
            ]
            + [{"topic": topic_id, "outcome": "repeated", "records": 1}],
        )

    migrate(database, MIGRATIONS)

    reader = FeedbackReader(database)
    for tenant, expected in ((None, (10, 4, 1, 5)), ("acme", (10, 1, 0, 0))):
        figures = reader.topic("behaviour", tenant)
        stored = sum(figures.counts[one] for one in EventOutcome if one.is_stored)
        others = (figures.counts[name] for name in ("repeated", "conflict", "dead"))
        assert (stored, *others) == expected


def test_vectors_of_many_items_come_in_pages(
    store: FeedbackStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.recommendation.rankings.vectors._PAGE", 2)
    vectors = VectorStore(database)
    for tenant in ("a", "b"):
        store.store(new([item(f"i{n}", title=f"Item {n}") for n in range(3)], tenant))
    after: ItemKey = ("", "")
    found: list[ItemText] = []
    while True:
        standing, last = vectors.page("embed@1", after)
        found.extend(standing.missing)
        if last is None:
            break
        after = last
    assert [one.key for one in found] == [(t, f"i{n}") for t in "ab" for n in range(3)]

    vectors.put("embed@1", found, np.ones((6, 2), np.float32))

    loaded = [(one.tenant, name) for one in vectors.load("embed@1") for name in one.items]
    assert loaded == [one.key for one in found]


async def test_two_replicas_embed_no_item_twice(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue("postgres_url")
    settings = RecommendationSettings(
        state_dir=tmp_path, database_url=SecretStr(url), replicas=2, follow_s=0.02
    )
    trunk, names = FakeTrunk(), [f"item{n}" for n in range(300)]
    services = [open_service(settings, trunk, FakeProbe()) for _ in range(2)]
    for service in services:
        service.start()
        await until_ready(service)
    events = [item(name, title=f"Thing {name}", event_id=uuid.uuid4().hex) for name in names]
    for start in range(0, len(events), 30):
        await services[start % 60 // 30].feedback("default", events[start : start + 30])

    def have_all() -> bool:
        followers = [service._follower for service in services]
        return all(
            follower is not None and follower.rankings.has_vector(("default", name))
            for follower in followers
            for name in names
        )

    await until(have_all, "both replicas have every vector")
    for service in services:
        await service.close()
    assert sorted(trunk.texts) == sorted(f"Thing {name}" for name in names)


def test_a_digest_tells_contents_apart_and_not_spellings() -> None:
    one = ItemEvent("1", START_MS, "lamp", {"a": 1.0, "b": "x"})
    same = ItemEvent("1", START_MS, "lamp", {"b": "x", "a": 1.0})
    others: list[Event] = [
        ItemEvent("1", START_MS, "lamp", {"a": 1.0, "b": "y"}),
        ItemEvent("1", START_MS + 1, "lamp", {"a": 1.0, "b": "x"}),
        ItemEvent("1", START_MS, "desk", {"a": 1.0, "b": "x"}),
        UserEvent("1", START_MS, "lamp", {"a": 1.0, "b": "x"}),
    ]

    digest = NewEvent.of("default", one).digest

    assert NewEvent.of("default", same).digest == digest
    assert digest not in {NewEvent.of("default", other).digest for other in others}


def test_the_table_takes_whatever_an_id_may_hold(
    store: FeedbackStore, database: Database, reader: FeedbackReader
) -> None:
    ids = ["'; DROP TABLE event; --", "ü" * 200, "a/b?c#d", "%00", "😀"]
    store.store(new([click("ann", "a", event_id=one) for one in ids]))

    assert [one.event.id for one in reader.after(0)] == ids
    with database.read() as connection:
        assert len(connection.execute(sa.select(EVENT.c.id)).all()) == len(ids)
