"""The processor on the memory broker, with every failure that it promises to survive."""

import logging
import threading
from collections.abc import Sequence

import pytest

from shared.errors import DeadlineError, DependencyError, OverloadedError
from shared.streaming.batches import Batch
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import DeadLetterLimit, DecodeError
from shared.streaming.handler import BatchTooLargeError
from shared.streaming.message import Record
from shared.streaming.settings import ProcessorSettings
from shared.telemetry import REGISTRY
from tests.harness.handlers import QUICK, FailingTimes, Remembering, in_order, running
from tests.harness.memory_broker import MemoryBroker
from tests.harness.waiting import wait_for

TOPIC = "news"
PARTITIONS = 3


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(PARTITIONS)


def write(broker: MemoryBroker, count: int) -> None:
    producer = broker.producer()
    for n in range(count):
        producer.send(TOPIC, b"%d" % n, partition=n % PARTITIONS)
    producer.flush(1.0)


def committed(broker: MemoryBroker) -> int:
    return sum(broker.committed(TOPIC, "g").values())


def test_everything_is_stored_in_order_and_then_committed(broker: MemoryBroker) -> None:
    handler = Remembering()
    write(broker, 1000)
    with running(broker.consumer(TOPIC, "g"), handler) as processor:
        wait_for(lambda: len(handler.stored) == 1000, "all stored")
        wait_for(lambda: committed(broker) == 1000, "all committed")
        state = processor.state
        assert (state.phase, state.reason) == ("running", None)
    assert processor.state.phase == "stopped"
    assert in_order(handler.stored)
    assert handler.repeated == 0


@pytest.mark.parametrize(
    ("error", "phase"),
    [
        (DependencyError("the database is away"), "waiting"),
        (OverloadedError("the trunk is full"), "waiting"),
        (DeadlineError("too late"), "waiting"),
        (ValueError("a fault of ours"), "failing"),
        (KeyError("x"), "failing"),
    ],
)
@pytest.mark.parametrize("step", ["prepare", "store"])
def test_a_step_that_fails_is_tried_again_and_nothing_is_skipped(
    broker: MemoryBroker, step: str, error: Exception, phase: str
) -> None:
    handler = Remembering()
    released = threading.Event()

    def fail(_records: Sequence[Record]) -> None:
        if not released.is_set():
            raise error

    setattr(handler, f"fail_{step}", fail)
    # The check fails alike: no record is at fault.
    handler.fail_check = lambda: fail(())
    write(broker, 50)
    consumer = broker.consumer(TOPIC, "g")
    with running(consumer, handler) as processor:
        wait_for(lambda: processor.state.phase == phase, f"the state is {phase}")
        state = processor.state
        assert step in (state.reason or "")
        assert str(error) in (state.reason or "")
        wait_for(lambda: processor.heartbeat > state.heartbeat, "the owner goes on")
        write(broker, 50)
        assert handler.stored == []
        assert committed(broker) == 0
        released.set()
        wait_for(lambda: len(handler.stored) == 100, "all stored")
        wait_for(lambda: processor.state.phase == "running", "running again")
        assert processor.state.since >= state.since
    assert in_order(handler.stored)
    assert committed(broker) == 100


@pytest.mark.parametrize("step", ["prepare", "store"])
@pytest.mark.parametrize("error", [ValueError("a fault of ours"), DeadlineError("too late")])
def test_one_record_that_fails_by_itself_is_given_up_and_all_others_are_stored(
    broker: MemoryBroker, step: str, error: Exception
) -> None:
    handler = Remembering()
    poison = (1, 7)

    def fail(records: Sequence[Record]) -> None:
        if any((one.partition, one.offset) == poison for one in records):
            raise error

    setattr(handler, f"fail_{step}", fail)
    write(broker, 60)
    with running(broker.consumer(TOPIC, "g"), handler) as processor:
        wait_for(lambda: len(handler.stored) == 59, "all others are stored")
        wait_for(lambda: committed(broker) == 60, "all are committed")
        wait_for(lambda: processor.state.phase == "running", "running again")
        write(broker, 3)
        wait_for(lambda: len(handler.stored) == 62, "it goes on")
    assert [(one.partition, one.offset) for one, _ in handler.given_up] == [poison]
    assert handler.given_up[0][1] is error
    assert handler.repeated == 0
    for partition in range(PARTITIONS):
        offsets = [one.offset for one in handler.stored if one.partition == partition]
        assert offsets == sorted(offsets)


def test_no_record_is_given_up_while_none_can_be_handled(broker: MemoryBroker) -> None:
    handler = Remembering()
    fail = FailingTimes(40, ValueError("every record fails"))
    handler.fail_prepare = fail

    def check() -> None:
        if fail.calls <= 40:
            raise ValueError("the handler is broken")

    handler.fail_check = check
    write(broker, 3)
    with running(broker.consumer(TOPIC, "g"), handler):
        wait_for(lambda: len(handler.stored) == 3, "all are stored once it works")
    assert handler.given_up == []


def test_a_batch_that_asks_too_much_is_halved_at_once_and_is_no_failure(
    broker: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    handler = Remembering()
    phases = set()

    def limit(records: Sequence[Record]) -> None:
        phases.add(processor.state.phase)
        if len(records) > 5:
            raise BatchTooLargeError(f"{len(records)} records")

    handler.fail_prepare = limit
    with running(broker.consumer(TOPIC, "g"), handler) as processor:
        write(broker, 90)
        wait_for(lambda: len(handler.stored) == 90, "all are stored")
        wait_for(lambda: committed(broker) == 90, "all are committed")
    assert phases <= {"starting", "running"}
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert max(handler.batches) <= 5
    assert in_order(handler.stored)
    stored = 0
    for count, progress in zip(handler.batches, handler.progress, strict=True):
        stored += count
        assert sum(place.position for place in progress.owned.values()) >= stored
    assert handler.given_up == []


def test_a_part_of_a_batch_commits_nothing_of_what_follows(broker: MemoryBroker) -> None:
    write(broker, 12)
    consumer = broker.consumer(TOPIC, "g")
    records = tuple(consumer.poll(1.0, 100))
    progress = StreamProgress(TOPIC, consumer.topic_id, consumer.partitions(), consumer.progress())

    whole = Batch(records, progress)
    first, second = whole.halves()

    assert first.records + second.records == records
    for place, offset in first.next_offsets.items():
        later = [one.offset for one in second.records if one.partition == place.partition]
        assert offset <= min(later, default=offset)
    assert first.next_offsets | second.next_offsets == whole.next_offsets


def test_failures_of_both_steps_all_along_keep_the_order(broker: MemoryBroker) -> None:
    handler = Remembering()
    calls = {"prepare": 0, "store": 0}

    def every_third(step: str) -> None:
        calls[step] += 1
        if calls[step] % 3:
            raise DependencyError(f"{step} {calls[step]}")

    handler.fail_prepare = lambda _: every_third("prepare")
    handler.fail_store = lambda _: every_third("store")
    settings = ProcessorSettings(max_batch_records=7, retry_first_s=0.001, retry_max_s=0.002)
    write(broker, 300)
    with running(broker.consumer(TOPIC, "g"), handler, settings):
        wait_for(lambda: len(handler.stored) == 300, "all stored")
    assert in_order(handler.stored)
    assert max(handler.batches) <= 7
    assert committed(broker) == 300


def test_the_next_batch_is_prepared_while_the_one_before_is_stored(broker: MemoryBroker) -> None:
    handler = Remembering()
    storing, prepared = threading.Event(), threading.Event()

    def prepare(records: Sequence[Record]) -> None:
        if records[0].offset > 0:
            assert storing.wait(60)
            prepared.set()

    def store(records: Sequence[Record]) -> None:
        if records[0].offset == 0:
            storing.set()
            assert prepared.wait(60)

    handler.fail_prepare, handler.fail_store = prepare, store
    settings = ProcessorSettings(max_batch_records=PARTITIONS)
    for _ in range(2):
        write(broker, PARTITIONS)
    with running(broker.consumer(TOPIC, "g"), handler, settings):
        wait_for(lambda: len(handler.stored) == 2 * PARTITIONS, "all stored")


def test_progress_is_as_of_its_batch(broker: MemoryBroker) -> None:
    handler = Remembering()
    settings = ProcessorSettings(max_batch_records=10)
    write(broker, 90)
    with running(broker.consumer(TOPIC, "g"), handler, settings):
        wait_for(lambda: len(handler.stored) == 90, "all stored")
    stored = 0
    for count, progress in zip(handler.batches, handler.progress, strict=True):
        stored += count
        assert sum(place.position for place in progress.owned.values()) == stored
        assert progress.topic == TOPIC
        assert progress.topic_id == broker.topic_id(TOPIC)
        assert progress.partitions == tuple(range(PARTITIONS))


def test_idle_is_told_when_all_is_stored_and_again_while_nothing_comes(
    broker: MemoryBroker,
) -> None:
    handler = Remembering()
    write(broker, 30)
    with running(broker.consumer(TOPIC, "g"), handler):
        wait_for(lambda: len(handler.idles) >= 2, "idle was told twice")
        told = len(handler.idles)
        assert all(p.caught_up for p in handler.idles[0].owned.values())
        assert len(handler.stored) == 30
        write(broker, 3)
        wait_for(lambda: len(handler.stored) == 33, "stored")
        wait_for(lambda: len(handler.idles) > told, "idle again")


def test_idle_is_not_told_while_the_broker_is_away(broker: MemoryBroker) -> None:
    handler = Remembering()
    write(broker, 3)
    with running(broker.consumer(TOPIC, "g"), handler) as processor:
        wait_for(lambda: len(handler.stored) == 3, "stored")
        broker.away = True
        wait_for(lambda: processor.state.phase == "waiting", "the broker's absence is told")
        told, beat = len(handler.idles), processor.heartbeat
        wait_for(lambda: processor.heartbeat > beat + 2 * QUICK.idle_after_s, "time goes by")
        assert len(handler.idles) == told
        broker.away = False
        wait_for(lambda: len(handler.idles) > told, "idle is told again")


def test_a_broker_that_goes_away_stops_nothing_for_good(broker: MemoryBroker) -> None:
    handler = Remembering()
    errors = poll_errors()
    with running(broker.consumer(TOPIC, "g"), handler) as processor:
        write(broker, 10)
        wait_for(lambda: len(handler.stored) == 10, "stored")
        broker.away = True
        wait_for(lambda: processor.state.phase == "waiting", "waiting")
        assert "poll" in (processor.state.reason or "")
        broker.away = False
        write(broker, 10)
        wait_for(lambda: len(handler.stored) == 20, "stored")
        wait_for(lambda: processor.state.phase == "running", "running")
    assert poll_errors() > errors


def test_a_commit_that_fails_is_made_up_for(broker: MemoryBroker) -> None:
    handler = Remembering()
    broker.away_for_commits = True
    write(broker, 10)
    with running(broker.consumer(TOPIC, "g"), handler) as processor:
        wait_for(lambda: processor.state.phase == "waiting", "the commit's failure is told")
        assert len(handler.stored) == 10
        assert committed(broker) == 0
        broker.away_for_commits = False
        wait_for(lambda: committed(broker) == 10, "committed")
        wait_for(lambda: processor.state.phase == "running", "running")


def test_too_many_dead_letters_stop_the_stream_with_the_reason(broker: MemoryBroker) -> None:
    handler = Remembering()
    limit = DeadLetterLimit(max_consecutive=4)

    def decode(records: Sequence[Record]) -> None:
        if records[0].offset >= 5:
            limit.check(5, DecodeError("bad-json", "line 1"))

    handler.fail_prepare = decode
    settings = ProcessorSettings(max_batch_records=PARTITIONS)
    consumer = broker.consumer(TOPIC, "g")
    for _ in range(10):
        write(broker, PARTITIONS)
    with running(consumer, handler, settings) as processor:
        wait_for(lambda: processor.state.phase == "stopped", "stopped")
        assert "5 dead letters in a row (limit 4)" in (processor.state.reason or "")
    assert "dead letters" in (processor.state.reason or "")
    assert in_order(handler.stored)
    assert committed(broker) == len(handler.stored) < 30


def test_a_stop_commits_what_is_stored(broker: MemoryBroker) -> None:
    handler = Remembering()
    write(broker, 100)
    with running(broker.consumer(TOPIC, "g"), handler):
        wait_for(lambda: len(handler.stored) == 100, "stored")
    assert committed(broker) == 100


def test_a_stop_does_not_wait_for_a_step_that_keeps_failing(broker: MemoryBroker) -> None:
    handler = Remembering()
    handler.fail_store = FailingTimes(1_000_000, DependencyError("away"))
    write(broker, 10)
    with running(broker.consumer(TOPIC, "g"), handler) as processor:
        wait_for(lambda: processor.state.phase == "waiting", "waiting")
    assert processor.state.phase == "stopped"
    assert committed(broker) == 0


def test_two_processors_and_expulsions_lose_and_reorder_nothing(broker: MemoryBroker) -> None:
    shared = Remembering()
    lock = threading.Lock()
    handlers = [Remembering(), Remembering()]
    for handler in handlers:

        def store(records: Sequence[Record]) -> None:
            # Both write into one store, as two processes do into one database.
            with lock:
                shared.store(tuple(records), shared_progress[0])

        handler.fail_store = store
    consumers = [broker.consumer(TOPIC, "g") for _ in handlers]
    settings = ProcessorSettings(max_batch_records=20)
    shared_progress = [_progress(broker)]
    with running(consumers[0], handlers[0], settings), running(consumers[1], handlers[1], settings):
        for n in range(20):
            write(broker, 99)
            broker.expel(consumers[n % 2])
        wait_for(lambda: len(shared.stored) == 20 * 99, "all stored")
        wait_for(lambda: committed(broker) == 20 * 99, "all committed")
    assert in_order(shared.stored)


def test_a_topic_made_anew_is_stored_under_its_new_id(broker: MemoryBroker) -> None:
    handler = Remembering()
    write(broker, 30)
    with running(broker.consumer(TOPIC, "g"), handler):
        wait_for(lambda: len(handler.stored) == 30, "stored")
        broker.recreate(TOPIC)
        write(broker, 60)
        wait_for(lambda: len(handler.stored) == 90, "the new ones are stored too")
        wait_for(lambda: committed(broker) == 60, "committed for the new topic")
    assert in_order(handler.stored)


def test_large_records_make_small_batches(broker: MemoryBroker) -> None:
    handler = Remembering()
    settings = ProcessorSettings(max_batch_bytes=1_000_000)
    producer = broker.producer()
    for n in range(12):
        producer.send(TOPIC, b"x" * 600_000, partition=n % PARTITIONS)
    producer.flush(1.0)
    with running(broker.consumer(TOPIC, "g"), handler, settings):
        wait_for(lambda: len(handler.stored) == 12, "stored")
    assert in_order(handler.stored)


def test_lag_and_phase_are_in_the_metrics(broker: MemoryBroker) -> None:
    handler = Remembering()
    write(broker, 30)
    with running(broker.consumer(TOPIC, "g"), handler):
        wait_for(lambda: committed(broker) == 30, "committed")
        wait_for(lambda: lag("0") == 0.0, "the lag is shown")
        assert phase("running") == 1.0
    assert phase("running") == 0.0
    assert phase("stopped") == 1.0
    assert lag("0") is None


def _progress(broker: MemoryBroker) -> StreamProgress:
    return StreamProgress(TOPIC, broker.topic_id(TOPIC), tuple(range(PARTITIONS)), {})


def lag(partition: str) -> float | None:
    labels = {"topic": TOPIC, "partition": partition}
    return REGISTRY.get_sample_value("banyan_stream_lag_records", labels)


def phase(name: str) -> float | None:
    labels = {"topic": TOPIC, "phase": name}
    return REGISTRY.get_sample_value("banyan_stream_phase", labels)


def poll_errors() -> float:
    labels = {"topic": TOPIC}
    return REGISTRY.get_sample_value("banyan_stream_poll_errors_total", labels) or 0.0
