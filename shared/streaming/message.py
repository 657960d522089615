"""What travels through a log: a record, and where in the log it stands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class TopicPartition:
    """One partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record as the broker holds it; nothing in it has been decoded.

    Its identity is (`topic_id`, `partition`, `offset`): a topic that was recreated counts its
    offsets from 0 again, under another id. `timestamp_ms` is the producer's, or with
    `is_append_time` the broker's of when it appended the record (`message.timestamp.type` of the
    topic is `LogAppendTime`); milliseconds since the Unix epoch, UTC. A null `value` is None.
    """

    topic: str
    topic_id: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    is_append_time: bool = False

    def arrived_at(self, now_s: float) -> float:
        """When the record came into the log, in Unix seconds; else `now_s`, when it is first read.

        A producer's time stamp says nothing about it: its clock can be as wrong as the text's date.
        """
        return self.timestamp_ms / 1000 if self.is_append_time else now_s
