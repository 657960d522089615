"""How a process reads a topic as a member of a group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from shared.streaming.message import Record, TopicPartition


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """How far one owned partition is read.

    `committed` is the group's next offset as far as this member knows (None before the first
    commit), `position` the offset after the last record handed out, `end` the offset that the next
    record of the partition will have, as last heard; `fresh` is False while that is old news,
    because the partition's broker does not answer. `held` says that the next records cannot be
    unpacked: they wait, and nothing waits for them.
    """

    committed: int | None
    position: int
    end: int
    fresh: bool = True
    held: bool = False

    @property
    def lag(self) -> int:
        """Records that are in the partition and not committed; before any commit, not read."""
        return max(0, self.end - (self.position if self.committed is None else self.committed))

    @property
    def caught_up(self) -> bool:
        """Whether every record that can be had has been handed out, and the broker answers."""
        return self.fresh and (self.held or self.position >= self.end)


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """How far a stream is: the topic, all its partitions, and those that this member owns."""

    topic: str
    topic_id: str
    partitions: tuple[int, ...]
    owned: Mapping[int, PartitionProgress]


@dataclass(frozen=True, slots=True)
class TopicLog:
    """What the broker has of a topic, as last heard: for each partition, owned or not, the offset
    of its first record when it was first looked at, and the offset that its next one will have."""

    topic_id: str
    starts: Mapping[int, int]
    ends: Mapping[int, int]


NO_LOG = TopicLog("", {}, {})
"""Before the broker has been heard."""


class Consumer(Protocol):
    """Reads one topic; every method is called by one owner thread.

    Nothing here blocks for longer than the time given to `poll` and a few seconds besides, however
    dead the broker is.
    """

    @property
    def topic(self) -> str:
        """The topic's name."""

    @property
    def topic_id(self) -> str:
        """The UUID of the topic that is read at present; '' before it is known."""

    def poll(self, timeout_s: float, max_records: int) -> list[Record]:
        """The next records, in the order of their offsets within each partition; [] if none came.

        It also keeps this member in its group, so it is called often, even while paused. It never
        raises for what a record holds: a partition whose records cannot be unpacked waits, which
        `trouble` says, and the others go on. A record carries the id of the topic it was read
        from: the id is read at each assignment and again when an offset goes backwards.

        Raises:
            DependencyError: the broker does not answer, or the topic cannot be had.
        """

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Stores the next offset of each partition, for the topic of the present `topic_id`.

        A commit that the group refuses because it is being rebalanced is no error: those records
        are read again, by this member or another.

        Raises:
            DependencyError: the broker does not answer.
        """

    def pause(self) -> None:
        """Lets `poll` return nothing until `resume`, for all partitions, future ones too."""

    def resume(self) -> None:
        """Ends `pause`."""

    def partitions(self) -> tuple[int, ...]:
        """All partitions of the topic, owned or not; () before they are known."""

    def assignment(self) -> frozenset[int]:
        """The partitions that this member owns."""

    def progress(self) -> dict[int, PartitionProgress]:
        """How far each owned partition is read; cheap, asks no broker."""

    def log(self) -> TopicLog:
        """What the broker has of the topic of the present `topic_id`; cheap, asks no broker."""

    @property
    def trouble(self) -> str | None:
        """Why an owned partition cannot be read at present, though the broker answers."""

    def close(self) -> None:
        """Leaves the group; commits nothing."""
