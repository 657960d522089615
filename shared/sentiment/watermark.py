"""How far event time has come in a topic, and which records came late.

The effective time of a record is the running maximum of event time in its partition: monotone
there, and independent of the other partitions. A record dated ahead of its arrival moves it to that
arrival and a small allowance at most, so that one wrong clock makes nothing late. The watermark is
the time before which every effective time has been seen, in all partitions that are not idle.

While all partitions are silent event time goes on with the clock on the wall, from the largest time
seen: what is over ends without another record. Records are not held against that time. Those that
come after a silence are in order among themselves and late only behind their own partition, so old
news that are replayed may pause.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

_SHORT_S = 60.0


@dataclass(frozen=True, slots=True)
class Silence:
    """The stretch in which a partition's owner stood at its end and nothing came; Unix seconds."""

    since: float
    until: float


@dataclass(frozen=True, slots=True)
class PartitionTime:
    """How far a partition has come; `idle` where its owner stands at its end for a while."""

    partition: int
    max_event_time: float | None
    idle: bool = False
    silence: Silence | None = None


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


@dataclass(frozen=True, slots=True)
class IdleTime:
    """For how many `seconds` all partitions were silent since `end`, the largest time seen.

    They are counted up to `until`, in Unix seconds. Time in which nobody read is not counted.
    """

    end: float | None = None
    seconds: float = 0.0
    until: float | None = None

    def count(self, times: Iterable[PartitionTime]) -> "IdleTime":
        """The same after another look at all partitions of a topic.

        It begins again where the largest time has moved. A topic without records goes on from the
        `end` of the topic that it replaces.
        """
        known = list(times)
        ends = [time.max_event_time for time in known if time.max_event_time is not None]
        if ends and max(ends) != self.end:
            return replace(self, end=max(ends), seconds=0.0)
        silences = [time.silence for time in known if time.silence is not None]
        if not known or len(silences) < len(known):
            return self
        until = min(silence.until for silence in silences)
        start = max(silence.since for silence in silences)
        if self.until is not None:
            # Another owner's clock may be behind: what it says again was counted.
            start, until = max(start, self.until), max(until, self.until)
        return replace(self, seconds=self.seconds + max(0.0, until - start), until=until)

    def moves(self, mark: Watermark) -> Watermark:
        """Where event time stands: at the watermark, or as far after its end as silence lasted.

        A short silence moves nothing, so that what is decided does not depend on how long a member
        took to be replaced, or on when a batch came.
        """
        if self.end is None or self.seconds < _SHORT_S:
            return mark
        return advance(mark, Watermark(self.end + self.seconds, inclusive=True))


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


def effective_time(max_event_time: float | None, event_time: float, *, latest: float) -> float:
    """The effective time of a partition's next record, given the largest one before it.

    `latest` is as far as a record may move it: when it arrived, and a small allowance.
    """
    bounded = min(event_time, latest)
    return bounded if max_event_time is None else max(max_event_time, bounded)


def is_late(event_time: float, effective_time: float, *, allowed_lateness_s: float) -> bool:
    """Whether a record lies further behind its partition than is allowed."""
    return event_time < effective_time - allowed_lateness_s
