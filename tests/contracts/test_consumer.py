"""What every consumer promises, however its broker is made."""

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaAdminClient

from shared.delivery.producer import Producer
from shared.errors import DependencyError
from shared.streaming.consumer import Consumer
from shared.streaming.message import Record
from tests.contracts.brokers import (
    PARTITIONS,
    WAIT_S,
    Broker,
    Real,
    next_offsets,
    read,
    read_until,
    topic_id,
    write,
)
from tests.harness.kafka import RealKafka

Join = Callable[[], Consumer]


@pytest.fixture
def producer(broker: Broker) -> Iterator[Producer]:
    producer = broker.producer()
    yield producer
    producer.close()


@pytest.fixture
def join(broker: Broker, topic: str) -> Iterator[Join]:
    """Makes members of one group; those are closed that the test has left open."""
    members: list[Consumer] = []

    def new_member() -> Consumer:
        members.append(broker.consumer(topic, f"group-of-{topic}"))
        return members[-1]

    yield new_member
    for member in members:
        member.close()


def test_records_come_whole_and_in_the_order_of_their_partition(
    broker: Broker, producer: Producer, join: Join, topic: str
) -> None:
    before_ms = time.time() * 1000
    for n in range(30):
        producer.send(
            topic,
            b"value %d" % n,
            key=b"key %d" % n,
            headers=[("origin", b"test"), ("n", b"%d" % n)],
            timestamp_ms=1_700_000_000_000 + n,
            partition=n % PARTITIONS,
        )
    producer.flush(30.0)

    consumer = join()
    records = read(consumer, 30)

    assert len(records) == 30
    assert {r.topic_id for r in records} == {consumer.topic_id}
    assert len(consumer.topic_id) == 36
    for partition in range(PARTITIONS):
        own = [r for r in records if r.partition == partition]
        assert [r.offset for r in own] == list(range(10))
        assert [r.value for r in own] == [b"value %d" % n for n in range(partition, 30, PARTITIONS)]
        stamps = [r.timestamp_ms for r in own]
        if own[0].is_append_time:
            # A topic that we make is stamped by its broker, which knows better than a producer.
            assert all(
                before_ms - 60_000 < stamp <= time.time() * 1000 + 60_000 for stamp in stamps
            )
        else:
            assert [stamp % 1000 for stamp in stamps] == list(range(partition, 30, PARTITIONS))
    assert {r.is_append_time for r in records} == {isinstance(broker, Real)}
    first = next(r for r in records if (r.partition, r.offset) == (0, 0))
    assert (first.topic, first.key) == (topic, b"key 0")
    assert first.headers == (("origin", b"test"), ("n", b"0"))
    assert consumer.partitions() == tuple(range(PARTITIONS))
    assert consumer.assignment() == frozenset(range(PARTITIONS))


def test_no_value_is_too_strange_to_be_read(producer: Producer, join: Join, topic: str) -> None:
    values = [b"\xff\xfe", b"{", b"", b"NaN", b"x" * 1_000_000]
    write(producer, topic, values)
    producer.send(topic, None, key=b"null", partition=0)
    producer.flush(30.0)
    write(producer, topic, [b"good"])

    records = read(join(), 7)

    assert [r.value for r in records] == [*values, None, b"good"]


def test_a_group_goes_on_where_it_committed(producer: Producer, join: Join, topic: str) -> None:
    write(producer, topic, [b"%d" % n for n in range(10)])
    first = join()
    records = read(first, 10)
    first.commit(next_offsets(records[:6]))
    assert first.progress()[0].committed == 6
    first.close()

    assert [r.offset for r in read(join(), 4)] == [6, 7, 8, 9]


def test_what_is_not_committed_comes_again(producer: Producer, join: Join, topic: str) -> None:
    write(producer, topic, [b"%d" % n for n in range(10)])
    first = join()
    once = read(first, 10)
    first.close()

    again = read(join(), 10)

    assert again == once


def test_a_paused_consumer_stays_a_member_and_gets_nothing(
    producer: Producer, join: Join, topic: str
) -> None:
    write(producer, topic, [b"before"])
    consumer = join()
    assert len(read(consumer, 1)) == 1
    consumer.pause()
    write(producer, topic, [b"after"])

    for _ in range(10):
        assert consumer.poll(0.05, 10) == []
    assert consumer.assignment() == frozenset(range(PARTITIONS))
    consumer.resume()

    assert [r.value for r in read(consumer, 1)] == [b"after"]


def test_members_share_the_partitions_and_inherit_them(
    producer: Producer, join: Join, topic: str
) -> None:
    first, second = join(), join()
    read_until(
        [first, second],
        [],
        lambda: (
            len(first.assignment()) > 0
            and len(second.assignment()) > 0
            and first.assignment() | second.assignment() == frozenset(range(PARTITIONS))
            and not first.assignment() & second.assignment()
        ),
    )
    second.close()
    read_until([first], [], lambda: first.assignment() == frozenset(range(PARTITIONS)))

    for partition in range(PARTITIONS):
        write(producer, topic, [b"x"], partition=partition)

    assert {r.partition for r in read(first, PARTITIONS)} == set(range(PARTITIONS))


def test_a_topic_that_was_made_anew_is_read_from_its_start_under_its_own_id(
    broker: Broker, producer: Producer, join: Join, topic: str
) -> None:
    write(producer, topic, [b"old %d" % n for n in range(5)])
    consumer = join()
    old = read(consumer, 5)
    consumer.commit(next_offsets(old))
    before = consumer.topic_id

    broker.recreate(topic)
    # As many as before and more: their offsets alone do not tell them from the old ones.
    write(broker.producer(), topic, [b"new %d" % n for n in range(9)])

    new: list[Record] = []
    read_until([consumer], new, lambda: len({r.offset for r in new if r.topic_id != before}) == 9)

    new = [r for r in new if r.topic_id != before]
    assert [(r.offset, r.value) for r in new] == [(n, b"new %d" % n) for n in range(9)]
    assert {r.topic_id for r in new} == {consumer.topic_id}


def test_a_commit_means_nothing_in_a_topic_that_was_made_anew_while_nobody_read(
    broker: Broker, producer: Producer, join: Join, topic: str
) -> None:
    write(producer, topic, [b"old %d" % n for n in range(5)])
    first = join()
    first_records = read(first, 5)
    first.commit(next_offsets(first_records))
    first.close()

    broker.recreate(topic)
    write(broker.producer(), topic, [b"new %d" % n for n in range(9)])

    assert [r.value for r in read(join(), 9)] == [b"new %d" % n for n in range(9)]


def test_a_new_partition_is_noticed(
    broker: Broker, producer: Producer, join: Join, topic: str
) -> None:
    if not broker.grows:
        pytest.skip("the embedded broker has no request to add partitions")
    write(producer, topic, [b"x"])
    consumer = join()
    read(consumer, 1)

    broker.grow(topic, PARTITIONS + 1)
    read_until([consumer], [], lambda: PARTITIONS in consumer.assignment())
    write(broker.producer(), topic, [b"there"], partition=PARTITIONS)

    assert [r.value for r in read(consumer, 1)] == [b"there"]
    assert consumer.partitions() == tuple(range(PARTITIONS + 1))


def test_progress_tells_what_is_left(producer: Producer, join: Join, topic: str) -> None:
    write(producer, topic, [b"%d" % n for n in range(10)])
    consumer = join()
    read_one(consumer)

    place = consumer.progress()[0]
    assert (place.committed, place.position) == (None, 1)
    assert not place.caught_up

    read(consumer, 9)
    read_until([consumer], [], lambda: all(p.caught_up for p in consumer.progress().values()))
    place = consumer.progress()[0]
    assert (place.position, place.end, place.lag) == (10, 10, 0)
    assert set(consumer.progress()) == set(range(PARTITIONS))
    assert all(p.caught_up for p in consumer.progress().values())


@pytest.mark.timeout(2 * WAIT_S + 60)
def test_a_broker_that_goes_away_is_told_and_waited_for(
    broker: Broker, producer: Producer, join: Join, topic: str
) -> None:
    write(producer, topic, [b"before"])
    consumer = join()
    read(consumer, 1)

    broker.go_away()
    try:
        with pytest.raises(DependencyError):
            read_until_error(consumer)
        assert not any(p.caught_up for p in consumer.progress().values())
    finally:
        broker.come_back()
    write(broker.producer(), topic, [b"after"])

    assert b"after" in {r.value for r in read(consumer, 1)}


def read_one(consumer: Consumer) -> Record:
    """Polls for a single record."""
    for _ in range(int(WAIT_S / 0.1)):
        if records := consumer.poll(0.1, 1):
            return records[0]
    raise AssertionError(f"no record came in {WAIT_S} s")


def read_until_error(consumer: Consumer) -> None:
    """Polls until the consumer says that its broker is away."""
    for _ in range(int(WAIT_S / 0.1)):
        consumer.poll(0.1, 10)
    raise AssertionError(f"the consumer said nothing in {WAIT_S} s")


def test_a_deleted_topic_is_not_made_by_who_reads_it(kafka: RealKafka, topic: str) -> None:
    """Kafka would make it as its own defaults have it, with one partition."""
    broker = Real(kafka)
    with contextlib.closing(broker.producer()) as producer:
        write(producer, topic, [b"a"])
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    with contextlib.closing(broker.consumer(topic, "g")) as consumer, contextlib.closing(admin):
        assert len(read(consumer, 1)) == 1
        admin.delete_topics([topic])
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:
            with contextlib.suppress(DependencyError):
                consumer.poll(0.1, 10)
            assert topic_id(admin, topic) is None
