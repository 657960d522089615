"""The brokers that the contracts of consumer, producer and processor are run on."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import psutil
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from shared.delivery.producer import Producer
from shared.errors import DependencyError
from shared.streaming.consumer import Consumer
from shared.streaming.embedded import EmbeddedBroker
from shared.streaming.kafka.consumer import KafkaTopicConsumer
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.message import Record, TopicPartition
from shared.streaming.settings import KafkaSettings
from tests.harness.kafka import RealKafka
from tests.harness.memory_broker import MemoryBroker

PARTITIONS = 3
WAIT_S = 60.0


class Broker(Protocol):
    """What a contract's test does to a broker; topics have `PARTITIONS` partitions."""

    keeps_data: bool
    grows: bool

    def consumer(self, topic: str, group: str) -> Consumer: ...

    def producer(self) -> Producer: ...

    def recreate(self, topic: str) -> None:
        """Deletes a topic and makes it again."""

    def grow(self, topic: str, partitions: int) -> None: ...

    def go_away(self) -> None: ...

    def come_back(self) -> None: ...


class InMemory:
    """The memory implementation."""

    keeps_data = True
    grows = True

    def __init__(self) -> None:
        self._broker = MemoryBroker(PARTITIONS)

    def consumer(self, topic: str, group: str) -> Consumer:
        return self._broker.consumer(topic, group)

    def producer(self) -> Producer:
        return self._broker.producer()

    def recreate(self, topic: str) -> None:
        self._broker.recreate(topic)

    def grow(self, topic: str, partitions: int) -> None:
        self._broker.grow(topic, partitions)

    def go_away(self) -> None:
        self._broker.away = True

    def come_back(self) -> None:
        self._broker.away = False


class _OverKafka:
    """What both brokers that speak Kafka's protocol have in common."""

    def __init__(self, bootstrap: str) -> None:
        self.settings = KafkaSettings(
            bootstrap=bootstrap,
            partitions=PARTITIONS,
            session_timeout_ms=3_000,
            heartbeat_interval_ms=500,
            unreachable_after_s=2.0,
            check_interval_s=0.2,
            metadata_max_age_ms=1_000,
        )

    def consumer(self, topic: str, group: str) -> Consumer:
        return KafkaTopicConsumer(self.settings, topic, group)

    def producer(self) -> Producer:
        return KafkaTopicProducer(self.settings)

    def recreate(self, topic: str) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.settings.bootstrap)
        try:
            before = topic_id(admin, topic)
            admin.delete_topics([topic])
            deadline = time.monotonic() + WAIT_S
            # A deletion takes a moment, and a consumer that runs may make the topic first.
            while topic_id(admin, topic) in (before, None):
                assert time.monotonic() < deadline, f"{topic} was not recreated"
                with contextlib.suppress(KafkaError):
                    admin.create_topics({topic: {"num_partitions": PARTITIONS}})
                time.sleep(0.05)
        finally:
            admin.close()

    def grow(self, topic: str, partitions: int) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.settings.bootstrap)
        try:
            admin.create_partitions({topic: partitions})
        finally:
            admin.close()


def topic_id(admin: KafkaAdminClient, topic: str) -> str | None:
    """The topic's id; None where there is no topic."""
    (found,) = admin.describe_topics([topic])
    return None if found["error_code"] else str(found["topic_id"])


class Embedded(_OverKafka):
    """The embedded broker, frozen while it is away."""

    keeps_data = True
    grows = False

    def __init__(self, broker: EmbeddedBroker) -> None:
        super().__init__(broker.bootstrap)
        self._broker = broker

    def go_away(self) -> None:
        assert self._broker.pid is not None
        os.kill(self._broker.pid, signal.SIGSTOP)
        # On a busy machine its threads go on until one of them has met the signal.
        deadline = time.monotonic() + WAIT_S
        while psutil.Process(self._broker.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, "the broker does not stop"
            time.sleep(0.001)

    def come_back(self) -> None:
        assert self._broker.pid is not None
        os.kill(self._broker.pid, signal.SIGCONT)


class Real(_OverKafka):
    """Apache Kafka, killed while it is away."""

    keeps_data = True
    grows = True

    def __init__(self, kafka: RealKafka) -> None:
        super().__init__(kafka.bootstrap)
        self._kafka = kafka

    def go_away(self) -> None:
        self._kafka.kill()

    def come_back(self) -> None:
        self._kafka.start()


def start_embedded(folder: Path) -> EmbeddedBroker:
    """A running embedded broker, whose log lies in the folder."""
    broker = EmbeddedBroker(folder / "broker.log")
    broker.start()
    return broker


def write(producer: Producer, topic: str, values: Sequence[bytes], *, partition: int = 0) -> None:
    """Writes values to one partition, until the broker has acknowledged them."""
    for value in values:
        producer.send(topic, value, partition=partition)
    producer.flush(30.0)


def read(consumer: Consumer, count: int, *, timeout_s: float = WAIT_S) -> list[Record]:
    """Polls until `count` records have come; a broker that is away is waited for."""
    records: list[Record] = []
    read_until([consumer], records, lambda: len(records) >= count, timeout_s=timeout_s)
    return records


def read_until(
    consumers: Sequence[Consumer],
    records: list[Record],
    done: Callable[[], bool],
    *,
    timeout_s: float = WAIT_S,
) -> None:
    """Polls the consumers in turn, collecting, until the condition holds."""
    deadline = time.monotonic() + timeout_s
    error: Exception | None = None
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {len(records)} records came within {timeout_s} s ({error})")
        for consumer in consumers:
            try:
                records += consumer.poll(0.1, 500)
            except DependencyError as away:
                error = away


def next_offsets(records: Sequence[Record]) -> dict[TopicPartition, int]:
    """What to commit after these records."""
    return {TopicPartition(r.topic, r.partition): r.offset + 1 for r in records}
