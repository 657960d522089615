"""How far event time has come in a topic, and which records came late.

The effective time of a record is the running maximum of event time in its partition: monotone
there, and independent of the other partitions. The watermark is the time before which every
effective time has been seen, in all partitions that are not idle.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartitionTime:
    """How far a partition has come; `idle` where its owner stands at its end for a while."""

    partition: int
    max_event_time: float | None
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Watermark:
    """Effective times below `time` are complete, with `inclusive` those equal to it too.

    `time` is in Unix seconds; None where a partition still holds everything back.
    """

    time: float | None = None
    inclusive: bool = False

    def passes(self, effective_time: float) -> bool:
        """Whether a record of this effective time may be applied."""
        if self.time is None:
            return False
        return effective_time < self.time or (self.inclusive and effective_time == self.time)


def watermark(times: Iterable[PartitionTime]) -> Watermark:
    """The watermark of all partitions of a topic.

    It is the smallest time of the partitions that are not idle; one of them without any record
    holds it back. Where all are idle nothing is to come, so it is the largest time, inclusive.
    """
    known = list(times)
    busy = [time.max_event_time for time in known if not time.idle]
    if busy:
        seen = [time for time in busy if time is not None]
        return Watermark(min(seen)) if len(seen) == len(busy) else Watermark()
    ends = [time.max_event_time for time in known if time.max_event_time is not None]
    return Watermark(max(ends), inclusive=True) if ends else Watermark()


def advance(previous: Watermark, current: Watermark) -> Watermark:
    """The later of two watermarks: it never goes back when an idle partition wakes up."""
    if previous.time is None or current.time is None:
        return current if previous.time is None else previous
    return max(previous, current, key=lambda mark: (mark.time, mark.inclusive))


def effective_time(max_event_time: float | None, event_time: float) -> float:
    """The effective time of a partition's next record, given the largest event time before it."""
    return event_time if max_event_time is None else max(max_event_time, event_time)


def is_late(event_time: float, effective_time: float, *, allowed_lateness_s: float) -> bool:
    """Whether a record lies further behind its partition than is allowed."""
    return event_time < effective_time - allowed_lateness_s
