"""The topic of behaviour in this process: a broker in memory, a real database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import orjson
import pytest
import sqlalchemy as sa

from services.recommendation.behaviour import decode
from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.payloads import NewEvent
from services.recommendation.reading import FeedbackReader
from services.recommendation.service import RecommendationService
from services.recommendation.store import FeedbackStore
from services.recommendation.stream import BehaviourStream, behaviour_stream
from services.recommendation.tables import (
    LEDGER,
)
from shared.delivery.relay import RelaySettings
from shared.http.keys import KeyStore, Role
from shared.storage.database import Database
from shared.streaming.dead_letters import DecodeError
from shared.streaming.message import Record
from shared.streaming.settings import ProcessorSettings
from tests.harness.memory_broker import MemoryBroker
from tests.harness.recommendation.application import client
from tests.harness.recommendation.fakes import FakeProbe
from tests.harness.recommendation.made import START_MS
from tests.harness.recommendation.made import click as click_event
from tests.harness.waiting import until, wait_for
from tests.services.recommendation.test_feedback import click, item

WAIT_S = 20.0


@pytest.fixture
def quick(settings: RecommendationSettings) -> RecommendationSettings:
    processor = ProcessorSettings(
        poll_timeout_s=0.02, idle_after_s=0.1, retry_first_s=0.02, retry_max_s=0.1
    )
    relay = RelaySettings(retry_first_s=0.05, retry_max_s=0.2, poll_s=0.1)
    return settings.model_copy(update={"processor": processor, "relay": relay})


@pytest.fixture
def database(quick: RecommendationSettings) -> Iterator[Database]:
    database = open_database(quick)
    yield database
    database.close()


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(partitions=2)


@contextmanager
def running(
    settings: RecommendationSettings, broker: MemoryBroker, database: Database
) -> Iterator[BehaviourStream]:
    stream = behaviour_stream(
        settings,
        consumer=broker.consumer(settings.topic, settings.group),
        producer=broker.producer(),
        database=database,
    )
    stream.start()
    try:
        yield stream
    finally:
        stream.stop()


def send(broker: MemoryBroker, values: Sequence[object], partition: int = 0) -> None:
    producer = broker.producer()
    for one in values:
        content = one if one is None or isinstance(one, bytes) else orjson.dumps(one)
        producer.send(
            "behaviour", content, key=b"k", partition=partition, timestamp_ms=START_MS + 1000
        )
    producer.flush(1.0)


def counted(database: Database, table: sa.Table = LEDGER.inbox) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_records_become_events_and_bad_ones_dead_letters(
    quick: RecommendationSettings,
    broker: MemoryBroker,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    poison = [b"\xff", b"{", None, {"event": "x"}, click("ann", "lamp", timestamp=START_MS * 2)]
    with running(quick, broker, database) as stream:
        send(broker, [item("lamp", title="Lamp"), *poison, click("ann", "lamp")])
        send(broker, [click("bob", "lamp", tenant="acme"), click("ann", "lamp")], partition=1)
        wait_for(lambda: counted(database) == 9, "all records are stored")
        wait_for(lambda: len(broker.records("behaviour.dead-letters")) == 5, "letters are sent")
        wait_for(lambda: broker.committed("behaviour", quick.group) == {0: 7, 1: 2}, "committed")
        wait_for(lambda: stream.status.rate > 0, "a rate is known")
        assert stream.status.faults == {"broker": None, "stream": None}
        stream.check_health()

    events = FeedbackReader(database).after(0)
    assert sorted((one.tenant, one.event.id) for one in events) == [
        ("acme", "click-bob-lamp"),
        ("default", "click-ann-lamp"),
        ("default", "item-lamp"),
    ]
    figures = FeedbackReader(database).topic("behaviour")
    assert figures.counts == {"stored": 3, "repeated": 1, "dead": 5}
    logged = [one for one in caplog.records if one.message == "a record is a dead letter"]
    assert [(vars(one)["topic"], vars(one)["partition"]) for one in logged] == [
        ("behaviour", 0)
    ] * 5
    letter = broker.records("behaviour.dead-letters")[0]
    assert dict(letter.headers)["origin-topic"] == b"behaviour"


def test_an_event_that_came_by_a_request_is_not_stored_again(
    quick: RecommendationSettings, broker: MemoryBroker, database: Database
) -> None:
    event = click_event("ann", "lamp", event_id="click-ann-lamp")
    FeedbackStore(database).store([NewEvent.of("default", event)])
    same = click("ann", "lamp")
    del same["session"]
    with running(quick, broker, database):
        send(broker, [same, click("ann", "desk", id="click-ann-lamp")])
        wait_for(lambda: counted(database) == 2, "both are in the inbox")

    assert [one.event for one in FeedbackReader(database).after(0)] == [event]
    with database.read() as connection:
        outcomes = connection.execute(
            sa.select(LEDGER.inbox.c.outcome).order_by(LEDGER.inbox.c.offset)
        ).scalars()
        assert list(outcomes) == ["repeated", "conflict"]


def test_two_hosts_and_a_topic_made_anew_store_everything_once(
    quick: RecommendationSettings, broker: MemoryBroker, database: Database
) -> None:
    with running(quick, broker, database):
        send(broker, [click("ann", f"i{n}") for n in range(100)])
        send(broker, [click("bob", f"i{n}") for n in range(100)], partition=1)
        with running(quick, broker, database):
            wait_for(lambda: counted(database) > 0, "something is stored")
        wait_for(lambda: counted(database) == 200, "everything is stored")
        broker.recreate("behaviour")
        send(broker, [click("ann", f"i{n}") for n in range(50, 150)])
        wait_for(lambda: counted(database) == 300, "the new ones are read")

    events = FeedbackReader(database).after(0)
    assert [one.seq for one in events] == list(range(1, 251))


def test_while_the_broker_is_away_nothing_is_lost(
    quick: RecommendationSettings, broker: MemoryBroker, database: Database
) -> None:
    with running(quick, broker, database) as stream:
        broker.away = True
        wait_for(lambda: stream.status.faults["broker"] is not None, "the broker's fault is known")
        broker.away = False
        send(broker, [click("ann", "lamp")])
        wait_for(lambda: counted(database) == 1, "the next one is stored")
        wait_for(lambda: stream.status.faults["broker"] is None, "the broker is well again")


def test_too_many_dead_letters_stop_the_stream_for_good(
    quick: RecommendationSettings, broker: MemoryBroker, database: Database
) -> None:
    settings = quick.model_copy(update={"max_dead_letters": 3})
    with running(settings, broker, database) as stream:
        send(broker, [b"{"] * 4)
        wait_for(lambda: stream.status.state.phase == "stopped", "the stream stops")
        assert "dead letters in a row" in str(stream.status.faults["stream"])
        stream.check_health()
    assert counted(database) == 0


async def test_a_replica_ranks_by_what_the_stream_stored(
    quick: RecommendationSettings,
    broker: MemoryBroker,
    database: Database,
    service: RecommendationService,
    probe: FakeProbe,
) -> None:
    follower = service._follower
    assert follower is not None
    with running(quick, broker, database) as host:
        send(broker, [item("lamp", title="Lamp"), item("desk"), click("ann", "lamp")])
        await until(lambda: follower.rankings.applied_seq == 3, "the replica knows of the events")
        await until(lambda: follower.rankings.has_vector(("default", "lamp")), "by its text too")
        probe.state = host.status.state
    async with client(service) as http:
        answer = await http.get("/users/ann")
        stream = (await http.get("/stream")).json()
        probe.is_away = True
        away = (await http.get("/stream")).json()
    assert [one["item"] for one in answer.json()["items"]] == ["desk"]
    assert (stream["phase"], stream["stored"], stream["rate"]) == ("running", 3, 12.5)
    assert sum(one["committed"] for one in stream["partitions"]) == 3
    assert {one["lag"] for one in stream["partitions"]} == {0}
    assert {one["lag"] for one in away["partitions"]} == {None}
    assert (away["phase"], away["stored"], away["rate"]) == ("unreachable", 3, None)


async def test_a_tenant_sees_its_own_counts_of_the_stream(
    quick: RecommendationSettings,
    broker: MemoryBroker,
    database: Database,
    service: RecommendationService,
    probe: FakeProbe,
) -> None:
    ours = [click("ann", "lamp", tenant="acme"), click("ann", "desk", tenant="acme")]
    again = [ours[0], ours[0] | {"type": "view"}]
    # The last two change nothing of the item, but are stored.
    told = [
        item("lamp", title=title) | {"id": f"{at}", "tenant": "acme", "timestamp": START_MS + at}
        for at, title in ((2, "Lamp"), (3, "Lamp"), (1, "Old lamp"))
    ]
    with running(quick, broker, database) as host:
        send(broker, [*ours, *again, *told, click("bob", "lamp"), b"{"])
        wait_for(lambda: counted(database) == 9, "all records are stored")
        probe.state = replace(host.status.state, reason="kafka-7:9092 is slow")
    keys = KeyStore(quick.state_dir / "keys.json")

    # All at once: a server looks for new ones every second.
    headers = {
        (tenant, role): {"authorization": f"Bearer {keys.create('k', tenant, role)}"}
        for tenant in ("acme", "default", "new")
        for role in Role
    }
    operator = headers.pop(("default", Role.ADMIN))
    expected = {"acme": (5, 1, 1), "default": (1, 0, 0), "new": (0, 0, 0)}
    counts = ("stored", "repeated", "conflicts")
    async with client(service) as http:
        for (tenant, _), key in headers.items():
            answer = (await http.get("/stream", headers=key)).json()
            assert tuple(answer[name] for name in counts) == expected[tenant]
            hidden = ("topic_id", "reason", "partitions", "dead_letters", "rate")
            assert [answer[name] for name in hidden] == [None] * 5
            assert answer["phase"] == "running"
            assert (await http.get("/stream/metrics", headers=key)).status_code == 403
        answer = (await http.get("/stream", headers=operator)).json()
        assert tuple(answer[name] for name in counts) == (6, 1, 1)
        assert (answer["dead_letters"], answer["rate"]) == (1, 12.5)
        assert (await http.get("/stream/metrics", headers=operator)).status_code == 200


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null-value"),
        (b"\xff", "bad-encoding"),
        (b"NaN", "bad-json"),
        (b'"\\ud800"', "bad-json"),
        (b"[]", "bad-schema"),
        (b"x" * (1024 * 1024 + 1), "too-large"),
        (b"[" * 65 + b"]" * 65, "too-large"),
        (b"[" + b"[]," * 100_000 + b"0]", "too-large"),
        (orjson.dumps(click("ann", "lamp", tenant="Not One")), "bad-schema"),
        (orjson.dumps(click("ann", "lamp", tenant=None)), "bad-schema"),
        (orjson.dumps(click("ann", "lamp", timestamp=START_MS + 3_700_000)), "clock-ahead"),
    ],
)
def test_a_record_that_is_no_event_says_why(value: bytes | None, reason: str) -> None:
    # The producer's own clock is as far ahead as its events.
    record = Record("behaviour", "t", 0, 0, START_MS + 3_700_000, None, value)

    with pytest.raises(DecodeError) as caught:
        decode(record, arrived_at=START_MS / 1000, max_ahead_s=3600.0)

    assert caught.value.reason == reason
