"""What a stream promises on every broker: each record stored once, in order, and committed."""

import threading
from collections.abc import Sequence

import pytest

from shared.errors import DependencyError
from shared.streaming.consumer import StreamProgress
from shared.streaming.message import Record
from shared.streaming.settings import ProcessorSettings
from tests.contracts.brokers import PARTITIONS, WAIT_S, Broker
from tests.harness.handlers import Remembering, in_order, running
from tests.harness.waiting import wait_for

SETTINGS = ProcessorSettings(
    max_batch_records=100, idle_after_s=0.5, retry_first_s=0.05, retry_max_s=0.5
)

NOWHERE = StreamProgress("", "", (), {})


def write_numbers(broker: Broker, topic: str, start: int, count: int) -> None:
    """Numbers over all partitions, every tenth of them poison."""
    producer = broker.producer()
    for n in range(start, start + count):
        value = b"\xff\xfe" if n % 10 == 0 else b"%d" % n
        producer.send(topic, value, partition=n % PARTITIONS)
    producer.flush(30.0)
    producer.close()


def test_everything_is_stored_once_and_in_order_though_steps_fail(
    broker: Broker, topic: str
) -> None:
    handler = Remembering()
    calls = 0

    def fail_sometimes(_records: Sequence[Record]) -> None:
        nonlocal calls
        calls += 1
        if calls % 2:
            raise DependencyError("the database is locked")

    handler.fail_store = fail_sometimes
    write_numbers(broker, topic, 0, 2_000)
    consumer = broker.consumer(topic, "g")
    with running(consumer, handler, SETTINGS) as processor:
        wait_for(lambda: len(handler.stored) == 2_000, "all stored")
        wait_for(lambda: len(handler.idles) > 0, "idle is told")
        assert all(p.caught_up for p in handler.idles[-1].owned.values())
        wait_for(lambda: processor.state.phase == "running", "running")
    assert in_order(handler.stored)
    assert handler.repeated == 0


def test_a_restart_goes_on_where_the_one_before_stopped(broker: Broker, topic: str) -> None:
    first, second = Remembering(), Remembering()
    write_numbers(broker, topic, 0, 300)
    with running(broker.consumer(topic, "g"), first, SETTINGS):
        wait_for(lambda: len(first.stored) == 300, "stored")
    write_numbers(broker, topic, 300, 300)
    with running(broker.consumer(topic, "g"), second, SETTINGS):
        wait_for(lambda: len(second.stored) >= 300, "stored")
    assert in_order([*first.stored, *second.stored])
    assert len(second.stored) == 300


@pytest.mark.timeout(3 * WAIT_S)
def test_a_handler_that_fails_for_longer_than_a_session_keeps_its_partitions(
    broker: Broker, topic: str
) -> None:
    handler = Remembering()
    released = threading.Event()

    def fail(_records: Sequence[Record]) -> None:
        if not released.is_set():
            raise DependencyError("the database is away")

    handler.fail_store = fail
    write_numbers(broker, topic, 0, 1_000)
    with running(broker.consumer(topic, "g"), handler, SETTINGS) as processor:
        wait_for(lambda: processor.state.phase == "waiting", "waiting")
        since = processor.state.since
        # Twice the session's length of the brokers under test, without a commit.
        wait_for(lambda: processor.heartbeat > since + 6.0, "the owner goes on")
        released.set()
        wait_for(lambda: len(handler.stored) == 1_000, "stored")
    assert in_order(handler.stored)
    assert handler.repeated == 0


@pytest.mark.timeout(4 * WAIT_S)
def test_a_broker_that_goes_away_and_comes_back_costs_no_record(broker: Broker, topic: str) -> None:
    handler = Remembering()
    write_numbers(broker, topic, 0, 600)
    with running(broker.consumer(topic, "g"), handler, SETTINGS) as processor:
        wait_for(lambda: len(handler.stored) == 600, "stored")
        broker.go_away()
        try:
            wait_for(lambda: processor.state.phase == "waiting", "the state says so")
            told, beat = len(handler.idles), processor.heartbeat
            idle_s = SETTINGS.idle_after_s
            wait_for(lambda: processor.heartbeat > beat + 3 * idle_s, "time goes by")
            # One may have been under way.
            assert len(handler.idles) <= told + 1
        finally:
            broker.come_back()
        write_numbers(broker, topic, 600, 600)
        wait_for(lambda: len(handler.stored) == 1_200, "stored")
        wait_for(lambda: processor.state.phase == "running", "running again")
    assert in_order(handler.stored)


@pytest.mark.timeout(4 * WAIT_S)
def test_members_that_come_and_go_lose_and_reorder_nothing(broker: Broker, topic: str) -> None:
    store = Remembering()
    lock = threading.Lock()
    handlers = [Remembering(), Remembering()]
    for handler in handlers:

        def into_one(records: Sequence[Record]) -> None:
            with lock:
                store.store(tuple(records), NOWHERE)

        handler.fail_store = into_one
    with running(broker.consumer(topic, "g"), handlers[0], SETTINGS):
        write_numbers(broker, topic, 0, 3_000)
        with running(second := broker.consumer(topic, "g"), handlers[1], SETTINGS):
            write_numbers(broker, topic, 3_000, 3_000)
            wait_for(lambda: bool(second.assignment()), "the second owns some")
            write_numbers(broker, topic, 6_000, 3_000)
            wait_for(lambda: len(store.stored) > 7_000, "most is stored")
        wait_for(lambda: len(store.stored) == 9_000, "all is stored")
    assert in_order(store.stored)


@pytest.mark.timeout(4 * WAIT_S)
def test_a_topic_that_is_made_anew_is_stored_from_its_start(broker: Broker, topic: str) -> None:
    handler = Remembering()
    write_numbers(broker, topic, 0, 300)
    with running(broker.consumer(topic, "g"), handler, SETTINGS):
        wait_for(lambda: len(handler.stored) == 300, "stored")
        old = {r.topic_id for r in handler.stored}
        broker.recreate(topic)
        write_numbers(broker, topic, 0, 900)
        wait_for(lambda: len(new_ones(handler, old)) == 900, "the new ones are stored")
    assert in_order(new_ones(handler, old))


def new_ones(handler: Remembering, old: set[str]) -> list[Record]:
    """What was stored under other topic ids."""
    return [r for r in handler.stored if r.topic_id not in old]
