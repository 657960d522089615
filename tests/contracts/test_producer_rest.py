"""A producer that has nothing to send asks its broker for next to nothing (kafka-python 3.0.12)."""

import time
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient

from shared.streaming.embedded import EmbeddedBroker
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.settings import KafkaSettings

WATCHED_S = 1.0
MOST_ASKED = 20
"""In the time watched; unmended it was some thousands."""


@pytest.fixture
def settings(embedded_broker: EmbeddedBroker) -> KafkaSettings:
    return KafkaSettings(bootstrap=embedded_broker.bootstrap, metadata_max_age_ms=1_000)


@pytest.fixture
def producer(settings: KafkaSettings) -> Iterator[KafkaTopicProducer]:
    producer = KafkaTopicProducer(settings)
    yield producer
    producer.close()


def asked(producer: KafkaTopicProducer, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the sender's thread asks for metadata within the time watched."""
    assert producer._producer is not None
    cluster = producer._producer._metadata
    request, times = cluster.request_update, []

    def counted() -> object:
        times.append(time.monotonic())
        return request()

    with monkeypatch.context() as patch:
        patch.setattr(cluster, "request_update", counted)
        time.sleep(WATCHED_S)
    return len(times)


def test_a_second_topic_keeps_no_idle_producer_busy(
    producer: KafkaTopicProducer, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (topic, f"{topic}-other"):
        producer.send(name, b"x")
        producer.flush(30.0)
    time.sleep(2 * 1.0)  # The age of metadata, past which they are asked for once.

    assert asked(producer, monkeypatch) <= MOST_ASKED


def test_a_topic_that_was_deleted_keeps_no_idle_producer_busy(
    producer: KafkaTopicProducer,
    settings: KafkaSettings,
    topic: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    producer.send(topic, b"x")
    producer.send(f"{topic}-other", b"x")
    producer.flush(30.0)
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    try:
        admin.delete_topics([topic])
    finally:
        admin.close()
    time.sleep(2 * 1.0)
    producer.send(f"{topic}-other", b"y")
    producer.flush(30.0)

    assert asked(producer, monkeypatch) <= MOST_ASKED
