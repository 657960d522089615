"""`Producer` to Kafka topics."""

import threading
from collections.abc import Sequence

from kafka import KafkaProducer
from kafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from shared.errors import DependencyError, InputError
from shared.streaming.kafka.admin import TopicAdmin
from shared.streaming.kafka.client import connection_options, open_client, unavailable
from shared.streaming.settings import KafkaSettings

_MAX_BLOCK_MS = 2_000
_LINGER_MS = 5
_CLOSE_TIMEOUT_S = 2.0
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class KafkaTopicProducer:
    """Writes to Kafka: `acks=all`, idempotent, never blocked for longer than a few seconds.

    It connects at the first `send`, and makes a topic that is missing. One thread at a time.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._options = connection_options(settings) | {
            "client_id": "banyan-producer",
            "acks": "all",
            "linger_ms": _LINGER_MS,
            "max_block_ms": _MAX_BLOCK_MS,
            "delivery_timeout_ms": 2 * settings.request_timeout_ms,
            "metrics_enabled": False,
        }
        self._producer: KafkaProducer | None = None
        self._known_topics: set[str] = set()
        self._lock = threading.Lock()
        self._failures: list[Exception] = []

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp_ms: int | None = None,
        partition: int | None = None,
    ) -> None:
        """See `Producer.send`."""
        if key is None and value is None:
            raise InputError(f"a record for the topic {topic!r} has neither key nor value")
        try:
            self._ensure_topic(topic)
            future = self._connected().send(
                topic,
                value=value,
                key=key,
                headers=list(headers),
                partition=partition,
                timestamp_ms=timestamp_ms,
            )
        except _TOO_LARGE as error:
            size = len(value or b"") + len(key or b"")
            raise InputError(
                f"a record of {size} bytes is too large for the topic {topic!r}: send a smaller one"
            ) from error
        except (KafkaError, OSError) as error:
            self._known_topics.discard(topic)
            raise unavailable(error, self._options) from error
        future.add_errback(self._note_failure)

    def flush(self, timeout_s: float) -> None:
        """See `Producer.flush`."""
        if self._producer is None:
            return
        try:
            self._producer.flush(timeout=timeout_s)
        except (KafkaError, OSError) as error:
            self._abandon()
            raise unavailable(error, self._options) from error
        with self._lock:
            failures, self._failures = self._failures, []
        if failures:
            # It may have been recreated since.
            self._known_topics.clear()
            raise DependencyError(
                f"{len(failures)} records were not acknowledged, the first because of: "
                f"{unavailable(failures[0], self._options)}"
            ) from failures[0]

    def close(self) -> None:
        """See `Producer.close`."""
        if self._producer is not None:
            self._abandon(_CLOSE_TIMEOUT_S)

    def _ensure_topic(self, topic: str) -> None:
        if topic in self._known_topics:
            return
        admin = TopicAdmin(self._settings)
        try:
            if admin.describe(topic) is None:
                admin.create(topic)
        finally:
            admin.close()
        self._known_topics.add(topic)

    def _connected(self) -> KafkaProducer:
        if self._producer is None:
            self._producer = open_client(KafkaProducer, self._options)
            _let_rest(self._producer)
        return self._producer

    def _abandon(self, timeout_s: float = 0.0) -> None:
        """Closes the producer with what it holds, so that nothing refused is written later."""
        producer, self._producer = self._producer, None
        self._known_topics.clear()
        with self._lock:
            self._failures = []
        if producer is None:
            return
        try:
            producer.close(timeout=timeout_s)
        except KafkaError:
            # `close` flushes first and gives up when that fails; a second call would do the same.
            producer._sender.force_close()

    def _note_failure(self, error: Exception) -> None:
        with self._lock:
            self._failures.append(error)


def _let_rest(producer: KafkaProducer) -> None:
    """Keeps an idle producer of kafka-python 3.0.12 from asking for metadata thousands of times a
    second.

    Its sender does so for as long as a topic that it ever wrote to has no leader that it knows,
    also where no record waits for one: the topic may be deleted, or may have been known at the
    first connection alone, whose answer names all topics and later ones those that are followed.
    """
    accumulator, cluster = producer._accumulator, producer._metadata
    look = accumulator.ready

    def ready(*arguments: object, **options: object) -> tuple[object, object, bool]:
        nodes, delay, is_unknown = look(*arguments, **options)
        waits = is_unknown and any(
            batches and cluster.leader_for_partition(place) in (None, -1)
            for place, batches in list(accumulator._batches.items())
        )
        return nodes, delay, waits

    accumulator.ready = ready
