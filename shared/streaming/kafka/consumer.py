"""`Consumer` of a Kafka topic, as a member of a group, that notices when the topic is another."""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from kafka import KafkaConsumer
from kafka import TopicPartition as KafkaTopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from shared.errors import DependencyError
from shared.streaming.consumer import NO_LOG, PartitionProgress, TopicLog
from shared.streaming.kafka.admin import TopicView, TopicWatch
from shared.streaming.kafka.client import connection_options, describe, open_client, unavailable
from shared.streaming.kafka.unpacking import UnpackingFailures
from shared.streaming.message import Record, TopicPartition
from shared.streaming.settings import KafkaSettings
from shared.telemetry import STREAM_REBALANCES

logger = logging.getLogger(__name__)

_SETTLE_TIMEOUT_S = 2.0
_CLOSE_TIMEOUT_MS = 2_000
_LOG_APPEND_TIME = 1

_REBALANCED = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
"""Why a group refuses a commit: the partitions may be another member's by now."""

Fetched = dict[KafkaTopicPartition, list[ConsumerRecord]]


class _Assignments(AsyncConsumerRebalanceListener):  # type: ignore[misc]
    """Collects what a rebalance gave; runs on kafka-python's thread, so it only takes notes."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._lock = threading.Lock()
        self._added: set[int] = set()

    def take_added(self) -> set[int]:
        """The partitions that have come since the last call and have not gone again."""
        with self._lock:
            added, self._added = self._added, set()
            return added

    async def on_partitions_assigned(self, assigned: set[KafkaTopicPartition]) -> None:
        with self._lock:
            self._added |= {place.partition for place in assigned}
        self._note("assigned", assigned)

    async def on_partitions_revoked(self, revoked: set[KafkaTopicPartition]) -> None:
        with self._lock:
            self._added -= {place.partition for place in revoked}
        self._note("revoked", revoked)

    async def on_partitions_lost(self, lost: set[KafkaTopicPartition]) -> None:
        # No commit here: the group has given these partitions to others.
        with self._lock:
            self._added -= {place.partition for place in lost}
        self._note("lost", lost)

    def _note(self, change: str, places: set[KafkaTopicPartition]) -> None:
        STREAM_REBALANCES.labels(self._topic, change).inc()
        partitions = sorted(place.partition for place in places)
        logger.info("partitions %s of %s %s", partitions, self._topic, change)


class KafkaTopicConsumer:
    """Reads a topic of Kafka; connects at the first poll, and whenever the topic was recreated.

    The group's full name is `GROUP.TOPIC_ID`, so an offset that was committed for a topic of the
    same name that is gone, however late, means nothing for the new one, which is read from its
    start. (Permissions for groups are therefore given by prefix.) The broker answers fetches by
    name alone; the topic's id is therefore looked at beside them, every `check_interval_s`, at
    each assignment, and before records are handed out whose offsets go backwards. What is left
    open is a topic that is deleted, recreated and filled past our position within that interval:
    the records behind that position come twice, under both ids; none is lost.
    """

    def __init__(self, settings: KafkaSettings, topic: str, group: str) -> None:
        self._settings = settings
        self._topic = topic
        self._group = group
        self._topic_id = ""
        self._options = connection_options(settings) | {
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "isolation_level": "read_committed",
            "partition_assignment_strategy": [CooperativeStickyAssignor()],
            "session_timeout_ms": settings.session_timeout_ms,
            "heartbeat_interval_ms": settings.heartbeat_interval_ms,
            "max_poll_interval_ms": settings.max_poll_interval_ms,
            "fetch_max_wait_ms": settings.fetch_max_wait_ms,
            "metrics_enabled": False,
        }
        self._watch = TopicWatch(settings, topic)
        self._consumer: KafkaConsumer | None = None
        self._assignments = _Assignments(topic)
        self._unsettled: set[int] = set()
        self._next: dict[int, int] = {}
        self._committed: dict[int, int | None] = {}
        self._paused = False
        self._failures = UnpackingFailures()

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self._topic

    @property
    def topic_id(self) -> str:
        """The id of the topic that is read; '' before the first poll that finds it."""
        return self._topic_id

    def poll(self, timeout_s: float, max_records: int) -> list[Record]:
        """See `Consumer.poll`."""
        deadline = time.monotonic() + timeout_s
        consumer = self._connected(timeout_s)
        if consumer is None:
            self._watch.check()
            return []
        self._failures.retry(consumer, paused=self._paused)
        try:
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            fetched: Fetched = consumer.poll(timeout_ms=left_ms, max_records=max_records)
        except Exception as error:
            if self._failures.take(consumer, error):
                return []
            if isinstance(error, KafkaError):
                raise unavailable(error, self._options) from error
            raise
        records = self._accept(consumer, fetched)
        if not records:
            self._watch.check()
        return records

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See `Consumer.commit`."""
        if self._consumer is None:
            return
        owned = self.assignment() - self._unsettled
        places = {
            KafkaTopicPartition(p.topic, p.partition): OffsetAndMetadata(o, "", -1)
            for p, o in offsets.items()
            if p.topic == self._topic and p.partition in owned
        }
        if not places:
            return
        try:
            self._consumer.commit(places, timeout_ms=self._settings.commit_timeout_ms)
        except _REBALANCED as error:
            logger.info("the group took no commit of %s: %s", self._topic, describe(error))
        except (KafkaError, OSError) as error:
            raise unavailable(error, self._options) from error
        else:
            self._committed.update({p.partition: o.offset for p, o in places.items()})

    def pause(self) -> None:
        """See `Consumer.pause`."""
        self._paused = True
        if self._consumer is not None:
            self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """See `Consumer.resume`."""
        self._paused = False
        if self._consumer is not None:
            self._consumer.resume(*self._consumer.assignment() - self._failures.waiting())

    def partitions(self) -> tuple[int, ...]:
        """See `Consumer.partitions`."""
        view = self._watch.view
        return view.partitions if view is not None and view.topic_id == self._topic_id else ()

    def assignment(self) -> frozenset[int]:
        """See `Consumer.assignment`."""
        if self._consumer is None:
            return frozenset()
        return frozenset(place.partition for place in self._consumer.assignment())

    def progress(self) -> dict[int, PartitionProgress]:
        """See `Consumer.progress`."""
        consumer, view, answering = self._consumer, self._watch.view, self._watch.answering
        if consumer is None:
            return {}
        ends = view.ends if view is not None and view.topic_id == self._topic_id else {}
        progress = {}
        for place in sorted(consumer.assignment()):
            partition = place.partition
            if partition in self._unsettled:
                continue
            try:
                position = consumer.position(place, timeout_ms=0)
                high_water = consumer.highwater(place)
            except (KafkaError, IllegalStateError, KeyError):
                # The partition has gone meanwhile, or its place is not known yet.
                continue
            if position is None:
                continue
            progress[partition] = PartitionProgress(
                self._committed.get(partition),
                position,
                max(position, high_water or 0, ends.get(partition, 0)),
                fresh=answering and (high_water is not None or partition in ends),
                held=self._failures.holds(place),
            )
        return progress

    def log(self) -> TopicLog:
        """See `Consumer.log`."""
        view = self._watch.view
        if view is None or view.topic_id != self._topic_id:
            return NO_LOG
        return TopicLog(view.topic_id, view.starts, view.ends)

    @property
    def trouble(self) -> str | None:
        """See `Consumer.trouble`."""
        return self._failures.trouble

    def close(self) -> None:
        """See `Consumer.close`."""
        self._drop()
        self._watch.close()

    def _connected(self, timeout_s: float) -> KafkaConsumer | None:
        """The member of the group for the topic as it is now; None while that is not known."""
        view = self._watch.view
        if view is None:
            view = self._watch.wait_for_view(0.0, timeout_s)
        if view is None:
            return None
        if view.topic_id != self._topic_id:
            if self._topic_id:
                logger.warning(
                    "the topic %s was recreated: its id was %s and is %s",
                    self._topic,
                    self._topic_id,
                    view.topic_id,
                )
            self._drop()
            self._topic_id = view.topic_id
        if self._consumer is None:
            group_id = f"{self._group}.{self._topic_id}"
            self._consumer = open_client(KafkaConsumer, self._options | {"group_id": group_id})
            self._assignments = _Assignments(self._topic)
            self._consumer.subscribe([self._topic], listener=self._assignments)
        try:
            # A member that joins as leader before it knows the topic's partitions assigns none to
            # anybody and, in kafka-python 3.0.12, may never notice.
            known = self._consumer.partitions_for_topic(self._topic)
        except (KafkaError, OSError) as error:
            raise unavailable(error, self._options) from error
        return self._consumer if known else None

    def _drop(self) -> None:
        """Leaves the group and forgets all places, which are another topic's."""
        consumer, self._consumer = self._consumer, None
        self._unsettled.clear()
        self._next.clear()
        self._committed.clear()
        self._failures.clear()
        if consumer is not None:
            try:
                consumer.close(autocommit=False, timeout_ms=_CLOSE_TIMEOUT_MS)
            except (KafkaError, OSError) as error:
                logger.info("leaving the group failed: %s", describe(error))

    def _accept(self, consumer: KafkaConsumer, fetched: Fetched) -> list[Record]:
        """The records of what was fetched that are known to be of the present topic.

        Raises:
            DependencyError: that cannot be known now; what was fetched will be fetched again.
        """
        self._unsettled |= self._assignments.take_added()
        try:
            if self._unsettled:
                self._settle(consumer, fetched)
            if any(self._goes_backwards(place, batch) for place, batch in fetched.items()):
                self._confirm_topic()
        except DependencyError:
            self._put_back(consumer, fetched)
            raise
        except (KafkaError, IllegalStateError) as error:
            self._put_back(consumer, fetched)
            raise unavailable(error, self._options) from error
        view = self._watch.view
        if view is None or view.topic_id != self._topic_id:
            self._put_back(consumer, fetched)
            return []
        records: list[Record] = []
        for place, batch in fetched.items():
            self._next[place.partition] = batch[-1].offset + 1
            self._failures.read(place)
            records += [self._record(raw) for raw in batch]
        return records

    def _goes_backwards(self, place: KafkaTopicPartition, batch: list[ConsumerRecord]) -> bool:
        return bool(batch[0].offset < self._next.get(place.partition, 0))

    def _settle(self, consumer: KafkaConsumer, fetched: Fetched) -> None:
        """Takes up newly assigned partitions: the topic's id, their commits, the pause."""
        self._confirm_topic()
        owned = {place.partition: place for place in consumer.assignment()}
        for partition in sorted(self._unsettled):
            place = owned.get(partition)
            self._next.pop(partition, None)
            if place is not None:
                self._learn_commit(consumer, place)
            if place is not None and self._paused:
                consumer.pause(place)
                if batch := fetched.pop(place, None):
                    consumer.seek(place, batch[0].offset)
            self._unsettled.discard(partition)

    def _learn_commit(self, consumer: KafkaConsumer, place: KafkaTopicPartition) -> None:
        found = consumer.committed(place, timeout_ms=int(_SETTLE_TIMEOUT_S * 1000))
        self._committed[place.partition] = found if found is not None and found >= 0 else None

    def _confirm_topic(self) -> TopicView:
        """Looks at the topic again.

        Raises:
            DependencyError: nobody answers in time, or it is another topic than the one read.
        """
        view = self._watch.wait_for_view(time.monotonic(), _SETTLE_TIMEOUT_S)
        if view is None:
            raise DependencyError(
                f"the topic {self._topic!r} could not be looked at within {_SETTLE_TIMEOUT_S} s"
            )
        if view.topic_id != self._topic_id:
            raise DependencyError(f"the topic {self._topic!r} was recreated: it is read again")
        return view

    def _put_back(self, consumer: KafkaConsumer, fetched: Fetched) -> None:
        """Lets records be read again that are not handed out."""
        for place, batch in fetched.items():
            # A partition that is no longer owned is read again by whoever owns it.
            with suppress(ValueError):
                consumer.seek(place, batch[0].offset)

    def _record(self, raw: ConsumerRecord) -> Record:
        return Record(
            self._topic,
            self._topic_id,
            raw.partition,
            raw.offset,
            raw.timestamp,
            raw.key,
            raw.value,
            tuple(raw.headers),
            raw.timestamp_type == _LOG_APPEND_TIME,
        )
