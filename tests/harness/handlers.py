"""Handlers that remember what they were given, and fail on demand."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from shared.clock import SystemClock
from shared.streaming.consumer import Consumer, StreamProgress
from shared.streaming.message import Record
from shared.streaming.processor import StreamProcessor
from shared.streaming.settings import ProcessorSettings

PreparedT = TypeVar("PreparedT")
QUICK = ProcessorSettings(idle_after_s=0.2, retry_first_s=0.02, retry_max_s=0.1)
WAIT_S = 60.0


class Remembering:
    """Stores records in memory, each identity once; `fail_*` are called first and may raise."""

    def __init__(self) -> None:
        self.stored: list[Record] = []
        self.batches: list[int] = []
        self.progress: list[StreamProgress] = []
        self.idles: list[StreamProgress] = []
        self.repeated = 0
        self.fail_prepare: Callable[[Sequence[Record]], None] = lambda _: None
        self.fail_store: Callable[[Sequence[Record]], None] = lambda _: None
        self.fail_check: Callable[[], None] = lambda: None
        self.given_up: list[tuple[Record, Exception]] = []
        self._inbox: set[tuple[str, int, int]] = set()

    def prepare(self, records: Sequence[Record]) -> tuple[Record, ...]:
        self.fail_prepare(records)
        return tuple(records)

    def store(self, prepared: tuple[Record, ...], progress: StreamProgress) -> None:
        self.fail_store(prepared)
        for record in prepared:
            identity = (record.topic_id, record.partition, record.offset)
            if identity in self._inbox:
                self.repeated += 1
            else:
                self._inbox.add(identity)
                self.stored.append(record)
        self.batches.append(len(prepared))
        self.progress.append(progress)

    def idle(self, progress: StreamProgress) -> None:
        self.idles.append(progress)

    def check(self) -> None:
        self.fail_check()

    def give_up(self, record: Record, error: Exception) -> tuple[Record, ...]:
        self.given_up.append((record, error))
        return ()


class FailingTimes:
    """Raises an error for the first `times` calls."""

    def __init__(self, times: int, error: Exception) -> None:
        self.calls = 0
        self._times = times
        self._error = error

    def __call__(self, _records: Sequence[Record]) -> None:
        self.calls += 1
        if self.calls <= self._times:
            raise self._error


@contextmanager
def running(
    consumer: Consumer, handler: Remembering, settings: ProcessorSettings = QUICK
) -> Iterator[StreamProcessor[tuple[Record, ...]]]:
    """A processor on another thread, stopped afterwards."""
    processor = StreamProcessor(consumer, handler, SystemClock(), settings)
    owner = threading.Thread(target=processor.run, name="stream-owner")
    owner.start()
    try:
        yield processor
    finally:
        processor.stop()
        owner.join(WAIT_S)
        assert not owner.is_alive()


def in_order(records: Sequence[Record]) -> bool:
    """Whether each partition's offsets rise, without a gap, from 0."""
    next_offset: dict[tuple[str, int], int] = {}
    for record in records:
        place = (record.topic_id, record.partition)
        if record.offset != next_offset.get(place, 0):
            return False
        next_offset[place] = record.offset + 1
    return True
