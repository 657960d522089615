"""What every producer promises, however its broker is made."""

from collections.abc import Iterator

import pytest

from shared.delivery.producer import Producer
from shared.errors import DependencyError, InputError
from shared.streaming.consumer import Consumer
from shared.streaming.message import Record
from tests.contracts.brokers import PARTITIONS, WAIT_S, Broker, read, read_until


@pytest.fixture
def producer(broker: Broker) -> Iterator[Producer]:
    producer = broker.producer()
    yield producer
    producer.close()


@pytest.fixture
def consumer(broker: Broker, topic: str) -> Iterator[Consumer]:
    consumer = broker.consumer(topic, f"group-of-{topic}")
    yield consumer
    consumer.close()


def test_what_was_flushed_is_there(producer: Producer, consumer: Consumer, topic: str) -> None:
    for n in range(1000):
        producer.send(topic, b"%d" % n, key=b"%d" % (n % 7))
    producer.flush(30.0)

    records = read(consumer, 1000)

    assert sorted(int(r.value or b"-1") for r in records) == list(range(1000))


def test_records_of_one_key_stay_in_one_partition_and_in_order(
    producer: Producer, consumer: Consumer, topic: str
) -> None:
    for n in range(200):
        producer.send(topic, b"%d" % n, key=b"%d" % (n % 20))
    producer.flush(30.0)
    records = read(consumer, 200)

    for key in {r.key for r in records}:
        own = [r for r in records if r.key == key]
        assert len({r.partition for r in own}) == 1
        values = [int(r.value or b"-1") for r in own]
        assert values == sorted(values)
    assert len({r.partition for r in records}) == PARTITIONS


def test_a_time_of_the_callers_is_kept_where_the_broker_writes_none(
    producer: Producer, consumer: Consumer, topic: str
) -> None:
    producer.send(topic, b"x", timestamp_ms=1_234_567_890_123)
    producer.flush(30.0)

    (record,) = read(consumer, 1)
    assert (record.timestamp_ms == 1_234_567_890_123) != record.is_append_time


def test_a_record_that_is_too_large_or_empty_is_refused(producer: Producer, topic: str) -> None:
    with pytest.raises(InputError, match="2000000 bytes"):
        producer.send(topic, b"x" * 2_000_000)
    with pytest.raises(InputError, match="neither key nor value"):
        producer.send(topic, None)


def test_a_flush_of_nothing_is_done(producer: Producer) -> None:
    producer.flush(1.0)


@pytest.mark.timeout(2 * WAIT_S + 60)
def test_what_was_not_acknowledged_is_told_and_can_be_sent_again(
    broker: Broker, producer: Producer, consumer: Consumer, topic: str
) -> None:
    producer.send(topic, b"before", partition=0)
    producer.flush(30.0)

    broker.go_away()
    try:
        with pytest.raises(DependencyError):
            send_and_flush(producer, topic, b"lost?")
    finally:
        broker.come_back()
    sent = False
    records: list[Record] = []

    def there() -> bool:
        nonlocal sent
        if not sent:
            try:
                send_and_flush(producer, topic, b"lost?")
                sent = True
            except DependencyError:
                return False
        return {r.value for r in records} == {b"before", b"lost?"}

    read_until([consumer], records, there)


def send_and_flush(producer: Producer, topic: str, value: bytes) -> None:
    """Sends one record and waits for its acknowledgement, a little."""
    producer.send(topic, value, partition=0)
    producer.flush(1.0)
