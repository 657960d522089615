"""A broker in memory: topics with ids, groups that rebalance, and failures on demand."""

import threading
import time
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.clock import Clock
from shared.errors import DependencyError, InputError
from shared.streaming.consumer import PartitionProgress, TopicLog
from shared.streaming.message import Record, TopicPartition
from shared.telemetry import STREAM_REBALANCES

MAX_RECORD_BYTES = 1_048_588
"""Kafka's own default limit (`message.max.bytes`)."""

_DEFAULT_PARTITIONS = 6


@dataclass
class _Topic:
    topic_id: str
    partitions: list[list[Record]]


@dataclass
class _Group:
    """Who reads a topic together; `committed` is keyed by topic id too, as a real broker's is."""

    members: list["MemoryConsumer"] = field(default_factory=list)
    generation: int = 0
    committed: dict[tuple[str, int], int] = field(default_factory=dict)

    def owned_by(self, member: "MemoryConsumer", partitions: int) -> frozenset[int]:
        """The member's share: every n-th partition."""
        place = self.members.index(member)
        return frozenset(range(place, partitions, len(self.members)))


class MemoryBroker:
    """Topics and groups in memory; thread-safe, as several consumers' threads share it.

    A topic that is asked for and missing is made. `away` set to True makes every call fail as a
    broker does that does not answer; `away_for_commits` only commits. `append_clock`, where it is
    set, stamps what is appended, as `LogAppendTime` does.
    """

    def __init__(self, partitions: int = _DEFAULT_PARTITIONS) -> None:
        self.away = False
        self.away_for_commits = False
        self.append_clock: Clock | None = None
        self._partitions = partitions
        self._topics: dict[str, _Topic] = {}
        self._groups: dict[tuple[str, str], _Group] = {}
        # Notified when a record is written, for those who wait in a poll.
        self.changed = threading.Condition()

    def consumer(self, topic: str, group: str) -> "MemoryConsumer":
        """A new member of a group."""
        return MemoryConsumer(self, topic, group)

    def producer(self) -> "MemoryProducer":
        """A producer to any topic."""
        return MemoryProducer(self)

    def topic_id(self, topic: str) -> str:
        """The present id of a topic."""
        with self.changed:
            return self.find(topic).topic_id

    def records(self, topic: str) -> list[Record]:
        """All records of a topic, by partition and offset."""
        with self.changed:
            return [r for partition in self.find(topic).partitions for r in partition]

    def committed(self, topic: str, group: str) -> dict[int, int]:
        """The group's next offset of each partition that has one."""
        with self.changed:
            topic_id = self.find(topic).topic_id
            places = self.group(topic, group).committed
            return {p: offset for (i, p), offset in places.items() if i == topic_id}

    def recreate(self, topic: str, partitions: int | None = None) -> str:
        """Deletes a topic with its records and makes it again; returns the new id."""
        with self.changed:
            count = partitions or len(self.find(topic).partitions)
            self._topics[topic] = _new_topic(count)
            self._rebalance(topic)
            return self._topics[topic].topic_id

    def grow(self, topic: str, partitions: int) -> None:
        """Adds partitions, up to a total of `partitions`."""
        with self.changed:
            present = self.find(topic).partitions
            present.extend([] for _ in range(partitions - len(present)))
            self._rebalance(topic)

    def restart(self) -> None:
        """Forgets everything, as a broker does that keeps its data in memory."""
        with self.changed:
            self._topics.clear()
            for group in self._groups.values():
                group.members.clear()
                group.committed.clear()
                group.generation += 1
            self.changed.notify_all()

    def expel(self, member: "MemoryConsumer") -> None:
        """Takes a member out of its group, as a broker does whose heartbeats stay out."""
        self.leave(member)

    # What consumers and producers call, with `changed` held.

    def find(self, topic: str) -> _Topic:
        """The topic, made if it is missing."""
        return self._topics.setdefault(topic, _new_topic(self._partitions))

    def group(self, topic: str, group: str) -> _Group:
        """The group, made if it is missing."""
        return self._groups.setdefault((topic, group), _Group())

    def check_present(self) -> None:
        """Raises DependencyError while the broker is away."""
        if self.away:
            raise DependencyError("the broker in memory is away: a test said so")

    def append(self, record: Record) -> None:
        """Writes a record to its partition, which gives it its offset and the topic's id."""
        topic = self.find(record.topic)
        log = topic.partitions[record.partition]
        stamp_ms = record.timestamp_ms
        if self.append_clock is not None:
            stamp_ms = int(self.append_clock.time() * 1000)
        log.append(
            Record(
                record.topic,
                topic.topic_id,
                record.partition,
                len(log),
                stamp_ms,
                record.key,
                record.value,
                record.headers,
                is_append_time=self.append_clock is not None,
            )
        )
        self.changed.notify_all()

    def join(self, member: "MemoryConsumer") -> None:
        """Adds a member."""
        with self.changed:
            self.group(member.topic, member.group).members.append(member)
            self._rebalance(member.topic)

    def leave(self, member: "MemoryConsumer") -> None:
        """Removes a member, if it is one."""
        with self.changed:
            group = self.group(member.topic, member.group)
            if member in group.members:
                group.members.remove(member)
                self._rebalance(member.topic)

    def _rebalance(self, topic: str) -> None:
        for (name, _), group in self._groups.items():
            if name == topic:
                group.generation += 1
        self.changed.notify_all()


def _new_topic(partitions: int) -> _Topic:
    return _Topic(str(uuid.uuid4()), [[] for _ in range(partitions)])


class MemoryConsumer:
    """`Consumer` of a `MemoryBroker`; learns of a rebalance at its next poll."""

    def __init__(self, broker: MemoryBroker, topic: str, group: str) -> None:
        self.group = group
        self._broker = broker
        self._topic = topic
        self._topic_id = ""
        self._generation = -1
        self._positions: dict[int, int] = {}
        self._paused = False
        self._closed = False
        broker.join(self)

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self._topic

    @property
    def topic_id(self) -> str:
        """The topic's id as of the last poll."""
        return self._topic_id

    def poll(self, timeout_s: float, max_records: int) -> list[Record]:
        """See `Consumer.poll`."""
        deadline = time.monotonic() + timeout_s
        with self._broker.changed:
            while True:
                self._broker.check_present()
                self._keep_membership()
                records = [] if self._paused else self._take(max_records)
                left_s = deadline - time.monotonic()
                if records or left_s <= 0 or self._closed:
                    return records
                self._broker.changed.wait(left_s)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See `Consumer.commit`."""
        with self._broker.changed:
            self._broker.check_present()
            if self._broker.away_for_commits:
                raise DependencyError("the broker in memory takes no commits: a test said so")
            group = self._broker.group(self._topic, self.group)
            if self not in group.members or group.generation != self._generation:
                return
            for place, offset in offsets.items():
                if place.partition in self._positions:
                    group.committed[self._topic_id, place.partition] = offset

    def pause(self) -> None:
        """See `Consumer.pause`."""
        self._paused = True

    def resume(self) -> None:
        """See `Consumer.resume`."""
        self._paused = False

    def partitions(self) -> tuple[int, ...]:
        """See `Consumer.partitions`."""
        with self._broker.changed:
            return tuple(range(len(self._broker.find(self._topic).partitions)))

    def assignment(self) -> frozenset[int]:
        """See `Consumer.assignment`."""
        return frozenset(self._positions)

    def progress(self) -> dict[int, PartitionProgress]:
        """See `Consumer.progress`."""
        with self._broker.changed:
            logs = self._broker.find(self._topic).partitions
            committed = self._broker.group(self._topic, self.group).committed
            return {
                p: PartitionProgress(
                    committed.get((self._topic_id, p)),
                    position,
                    len(logs[p]) if p < len(logs) else 0,
                    fresh=not self._broker.away,
                )
                for p, position in sorted(self._positions.items())
            }

    def log(self) -> TopicLog:
        """See `Consumer.log`."""
        with self._broker.changed:
            topic = self._broker.find(self._topic)
            ends = {number: len(records) for number, records in enumerate(topic.partitions)}
            return TopicLog(topic.topic_id, dict.fromkeys(ends, 0), ends)

    @property
    def trouble(self) -> str | None:
        """See `Consumer.trouble`; what lies in memory can always be read."""
        return None

    def close(self) -> None:
        """See `Consumer.close`."""
        self._closed = True
        self._broker.leave(self)

    def _keep_membership(self) -> None:
        """Joins again where this member was expelled, and takes up a new assignment."""
        group = self._broker.group(self._topic, self.group)
        if self not in group.members:
            self._positions.clear()
            self._broker.join(self)
        topic = self._broker.find(self._topic)
        if topic.topic_id != self._topic_id:
            self._topic_id = topic.topic_id
            self._positions.clear()
        elif group.generation == self._generation:
            return
        self._generation = group.generation
        owned = group.owned_by(self, len(topic.partitions))
        kept = {p: o for p, o in self._positions.items() if p in owned}
        if self._positions.keys() - kept.keys():
            STREAM_REBALANCES.labels(self._topic, "revoked").inc()
        if owned - kept.keys():
            STREAM_REBALANCES.labels(self._topic, "assigned").inc()
        new = {p: group.committed.get((self._topic_id, p), 0) for p in owned - kept.keys()}
        self._positions = kept | new

    def _take(self, max_records: int) -> list[Record]:
        """Records of the owned partitions in turn, as far as `max_records` goes."""
        logs = self._broker.find(self._topic).partitions
        taken: list[Record] = []
        for partition in sorted(self._positions):
            start = self._positions[partition]
            part = logs[partition][start : start + max_records - len(taken)]
            self._positions[partition] = start + len(part)
            taken += part
        return taken


class MemoryProducer:
    """`Producer` of a `MemoryBroker`; what is buffered is written by `flush`."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._buffer: list[Record] = []
        self._next_partition = 0

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
        size = len(value or b"") + len(key or b"")
        if size > MAX_RECORD_BYTES:
            raise InputError(
                f"a record of {size} bytes for the topic {topic!r} (limit {MAX_RECORD_BYTES}): "
                "send a smaller one"
            )
        with self._broker.changed:
            self._broker.check_present()
            count = len(self._broker.find(topic).partitions)
        if partition is None:
            partition = (zlib.crc32(key) if key is not None else self._next_partition) % count
            self._next_partition += 1
        stamp = int(time.time() * 1000) if timestamp_ms is None else timestamp_ms
        self._buffer.append(Record(topic, "", partition, -1, stamp, key, value, tuple(headers)))

    def flush(self, timeout_s: float) -> None:
        """See `Producer.flush`; what could not be written is forgotten: the caller sends again."""
        records, self._buffer = self._buffer, []
        if not records:
            return
        with self._broker.changed:
            self._broker.check_present()
            for record in records:
                self._broker.append(record)

    def close(self) -> None:
        """See `Producer.close`."""
        self._buffer.clear()
