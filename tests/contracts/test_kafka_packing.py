"""How producers pack records: each codec is read, and what cannot be read holds up nothing else."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from kafka import KafkaProducer, codec

from shared.streaming.kafka import unpacking as kafka_unpacking
from shared.telemetry import REGISTRY
from tests.contracts.brokers import PARTITIONS, WAIT_S, Real, read, read_until, write
from tests.contracts.test_processor import SETTINGS
from tests.harness.handlers import Remembering, running
from tests.harness.kafka import RealKafka
from tests.harness.waiting import wait_for

VALUES = [b"%d " % n * 200 for n in range(20)]
"""Compressible, or the producer would send them as they are."""


@contextmanager
def packing(kafka: RealKafka, **options: object) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, **options)
    try:
        yield producer
    finally:
        producer.close()


@pytest.fixture
def broker(kafka: RealKafka, topic: str) -> Real:
    """A real Kafka with the test's topic."""
    real = Real(kafka)
    with closing(real.consumer(topic, "first")) as consumer:
        read_until([consumer], [], lambda: bool(consumer.partitions()))
    return real


@pytest.mark.parametrize("packed_by", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec_is_read(kafka: RealKafka, broker: Real, topic: str, packed_by: str) -> None:
    with packing(kafka, compression_type=packed_by) as producer:
        for value in VALUES:
            producer.send(topic, value, partition=0)

    with closing(broker.consumer(topic, "g")) as consumer:
        assert [record.value for record in read(consumer, len(VALUES))] == VALUES
        assert consumer.trouble is None


def test_what_cannot_be_unpacked_waits_alone_and_is_told(
    kafka: RealKafka, broker: Real, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with packing(kafka, compression_type="lz4") as producer:
        for value in VALUES:
            producer.send(topic, value, partition=0)
    with closing(broker.producer()) as plain:
        write(plain, topic, VALUES, partition=1)
    handler = Remembering()
    monkeypatch.setattr(kafka_unpacking, "_RETRY_S", 0.2)
    with monkeypatch.context() as without:
        without.setattr(codec, "has_lz4", lambda: False)
        with running(broker.consumer(topic, "g"), handler, SETTINGS) as processor:
            wait_for(lambda: len(handler.stored) == len(VALUES), "the other partition is stored")
            wait_for(lambda: processor.state.phase == "waiting", "the trouble is told")
            reason, beat = processor.state.reason or "", processor.heartbeat
            assert reason.startswith(f"read: partition 0 of {topic} cannot be unpacked at offset 0")
            assert "lz4" in reason
            wait_for(lambda: processor.heartbeat > beat + 1.0, "the owner goes on")
            with closing(broker.producer()) as plain:
                write(plain, topic, VALUES, partition=1)
            wait_for(lambda: len(handler.stored) == 2 * len(VALUES), "and so does the other")
            assert processor.state.log.ends[0] == len(VALUES)
            wait_for(lambda: is_held(handler), "nothing waits for what cannot be read")
            without.undo()
            wait_for(lambda: len(handler.stored) == 3 * len(VALUES), "it is read when it can be")
            wait_for(lambda: processor.state.phase == "running", "running again")
    assert handler.given_up == []


def is_held(handler: Remembering) -> bool:
    places = [progress.owned.get(0) for progress in handler.idles[-1:]]
    return any(p is not None and p.held and p.caught_up and p.lag == len(VALUES) for p in places)


def test_the_marks_of_a_transaction_are_no_lag(kafka: RealKafka, broker: Real, topic: str) -> None:
    with packing(kafka, transactional_id=f"tx-{topic}") as producer:
        producer.init_transactions()
        producer.begin_transaction()
        for number, value in enumerate(VALUES):
            producer.send(topic, value, partition=number % PARTITIONS)
        producer.commit_transaction()
    handler = Remembering()
    consumer = broker.consumer(topic, "g")
    with running(consumer, handler, SETTINGS) as processor:
        wait_for(lambda: len(handler.stored) == len(VALUES), "all are stored")
        wait_for(lambda: sum(processor.state.log.ends.values()) > len(VALUES), "there are marks")
        for partition in range(PARTITIONS):
            labels = {"topic": topic, "partition": str(partition)}
            wait_for(
                lambda labels=labels: (  # type: ignore[misc]
                    REGISTRY.get_sample_value("banyan_stream_lag_records", labels) == 0.0
                ),
                "no lag is left",
            )
        ends = dict(processor.state.log.ends)
    with closing(broker.consumer(topic, "g")) as again:
        read_until([again], [], lambda: len(again.progress()) == PARTITIONS, timeout_s=WAIT_S)
        assert {n: place.committed for n, place in again.progress().items()} == ends
