"""Partitions whose records cannot be unpacked: their batch is corrupt, or packed as nobody reads.

kafka-python raises for such a batch once and, asked again, turns round for ever inside `poll`; so
what it has of the partition is thrown away, and the partition waits, paused, while the others are
read. It is tried again now and then: a broker that is repaired, or another replica, may have the
batch whole.
"""

import logging
import time

from kafka import KafkaConsumer, codec
from kafka import TopicPartition as KafkaTopicPartition
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError

from shared.streaming.kafka.client import describe

logger = logging.getLogger(__name__)

_CODECS = {
    "gzip": codec.has_gzip,
    "snappy": codec.has_snappy,
    "lz4": codec.has_lz4,
    "zstd": codec.has_zstd,
}
_RETRY_S = 5.0


def missing_codecs() -> list[str]:
    """How records may be packed that this installation cannot unpack."""
    return [name for name, is_there in _CODECS.items() if not is_there()]


class UnpackingFailures:
    """The partitions of one consumer that cannot be read at present; for its owner thread."""

    def __init__(self) -> None:
        self._reasons: dict[KafkaTopicPartition, str] = {}
        self._retry_at_s: dict[KafkaTopicPartition, float] = {}

    @property
    def trouble(self) -> str | None:
        """Why a partition cannot be read; None where all can."""
        return next(iter(self._reasons.values()), None)

    def take(self, consumer: KafkaConsumer, error: Exception) -> bool:
        """Lets the partition wait that a poll failed for; False where the error is another."""
        unpacking = isinstance(error, CorruptRecordError | UnsupportedCodecError)
        if not unpacking and isinstance(error, KafkaError | OSError):
            return False
        fetcher = consumer._fetcher
        records = fetcher._next_partition_records
        if not records:
            return False
        place: KafkaTopicPartition = records.topic_partition
        records.drain()
        fetcher._next_partition_records = None
        consumer.pause(place)
        self._note(place, records.next_fetch_offset, error)
        return True

    def retry(self, consumer: KafkaConsumer, *, paused: bool) -> None:
        """Reads those again whose time has come; with `paused`, none is read at present."""
        owned = consumer.assignment()
        for place in self._reasons.keys() - owned:
            self._forget(place)
        now_s = time.monotonic()
        for place in [p for p, at_s in self._retry_at_s.items() if at_s <= now_s]:
            del self._retry_at_s[place]
            if not paused:
                consumer.resume(place)

    def holds(self, place: KafkaTopicPartition) -> bool:
        """Whether the partition's next records cannot be unpacked, as far as was tried."""
        return place in self._reasons

    def waiting(self) -> set[KafkaTopicPartition]:
        """The partitions that stay paused for now."""
        return set(self._retry_at_s)

    def read(self, place: KafkaTopicPartition) -> None:
        """The partition's records could be unpacked."""
        if place in self._reasons:
            logger.info("partition %d of %s can be read again", place.partition, place.topic)
            self._forget(place)

    def clear(self) -> None:
        """Forgets all: they are another topic's, or another member's."""
        self._reasons.clear()
        self._retry_at_s.clear()

    def _note(self, place: KafkaTopicPartition, offset: int, error: Exception) -> None:
        reason = (
            f"partition {place.partition} of {place.topic} cannot be unpacked at offset {offset} "
            f"({describe(error)}): its records wait while the others are read; repair the batch or "
            "delete the records up to it"
        )
        if self._reasons.get(place) != reason:
            logger.error("%s", reason)
        self._reasons[place] = reason
        self._retry_at_s[place] = time.monotonic() + _RETRY_S

    def _forget(self, place: KafkaTopicPartition) -> None:
        self._reasons.pop(place, None)
        self._retry_at_s.pop(place, None)
