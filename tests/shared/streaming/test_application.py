"""What every application's records go through, on an application that only counts."""

from collections.abc import Iterator, Sequence

import pytest

from shared.clock import ManualClock
from shared.delivery.relay import RelayState
from shared.errors import DeadlineError, DependencyError
from shared.streaming.application import RecordHandler, StoredBatch, json_value
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import (
    BAD_JSON,
    TOO_SLOW,
    DeadLetter,
    DeadLetterLimit,
    DecodeError,
    TooManyDeadLettersError,
)
from shared.streaming.health import Phase, StreamState
from shared.streaming.host import StreamStatus
from shared.streaming.message import Record

PROGRESS = StreamProgress("t", "id", (0,), {})


class Numbers:
    """Records that are whole numbers; everything stored leaves a message for each dead letter."""

    def __init__(self) -> None:
        self.stored: list[int] = []
        self.error: Exception | None = None
        self.idle_messages = [0, 2, 1]
        self.cancelled = False

    def decode(self, record: Record, arrived_at: float) -> int:
        value = json_value(record.value, 100)
        if not isinstance(value, int):
            raise DecodeError("bad-schema", "not a whole number")
        return value

    def complete(self, decoded: Sequence[tuple[Record, int]]) -> list[int]:
        if self.error is not None:
            raise self.error
        return [number * 10 for _, number in decoded]

    def store(self, prepared: Sequence[int | DeadLetter], progress: StreamProgress) -> StoredBatch:
        self.stored += [one for one in prepared if isinstance(one, int)]
        letters = sum(isinstance(one, DeadLetter) for one in prepared)
        return StoredBatch(len(prepared), letters)

    def idle(self, progress: StreamProgress) -> Iterator[int]:
        yield from self.idle_messages

    def check(self) -> None:
        """Nothing outside is needed."""

    def cancel(self) -> None:
        self.cancelled = True


class Told:
    """Counts how often there was something to send."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def records(*values: bytes | None) -> list[Record]:
    return [Record("t", "id", 0, n, 0, None, value) for n, value in enumerate(values)]


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def handler(numbers: Numbers, told: Told) -> RecordHandler[int, int]:
    return RecordHandler(numbers, ManualClock(0.0), told, DeadLetterLimit(2))


def test_good_records_are_completed_together_and_bad_ones_keep_their_place(
    handler: RecordHandler[int, int], numbers: Numbers, told: Told
) -> None:
    prepared = handler.prepare(records(b"1", b"{", b"2", None, b"3"))

    letters = [one for one in prepared if isinstance(one, DeadLetter)]
    assert [one if isinstance(one, int) else None for one in prepared] == [10, None, 20, None, 30]
    assert [one.record.offset for one in letters] == [1, 3]
    assert letters[0].error.reason == BAD_JSON

    handler.store(prepared, PROGRESS)
    assert (numbers.stored, told.times, handler.rate) == ([10, 20, 30], 1, 0.5)

    handler.store(handler.prepare(records(b"4")), PROGRESS)
    assert told.times == 1


def test_dead_letters_in_a_row_count_over_batches_and_only_once_where_a_batch_is_tried_again(
    handler: RecordHandler[int, int], numbers: Numbers
) -> None:
    handler.prepare(records(b"{"))
    numbers.error = DependencyError("away")
    for _ in range(5):
        with pytest.raises(DependencyError):
            handler.prepare(records(b"{"))
    numbers.error = None
    handler.prepare(records(b"{"))

    with pytest.raises(TooManyDeadLettersError, match="3 dead letters in a row"):
        handler.prepare(records(b"{"))


def test_a_good_record_begins_the_count_again(handler: RecordHandler[int, int]) -> None:
    for _ in range(3):
        handler.prepare(records(b"{", b"1", b"{"))


def test_a_record_that_is_given_up_is_a_dead_letter_and_counts_as_one(
    handler: RecordHandler[int, int],
) -> None:
    (record,) = records(b"1")

    for _ in range(2):
        (letter,) = handler.give_up(record, DeadlineError("late"))
        assert isinstance(letter, DeadLetter)
        assert letter.error.reason == TOO_SLOW
    with pytest.raises(TooManyDeadLettersError):
        handler.give_up(record, DeadlineError("late"))


def test_idle_work_goes_on_until_the_stream_is_stopped(
    handler: RecordHandler[int, int], numbers: Numbers, told: Told
) -> None:
    handler.idle(PROGRESS)
    assert told.times == 2

    handler.stop()
    handler.idle(PROGRESS)
    assert numbers.cancelled
    assert told.times == 2


@pytest.mark.parametrize(
    ("phase", "reason", "broker", "stream"),
    [
        ("running", None, None, None),
        (
            "waiting",
            "poll: nobody answers",
            "poll: nobody answers",
            "waiting: poll: nobody answers",
        ),
        ("waiting", "store: disk full", None, "waiting: store: disk full"),
    ],
)
def test_a_fault_names_the_part_that_has_it(
    phase: Phase, reason: str | None, broker: str | None, stream: str | None
) -> None:
    sinks = {"hook": RelayState("refused", 1.0, waiting=3), "other": RelayState()}
    status = StreamStatus(StreamState(phase, reason, 0.0, 0.0), 0.0, RelayState(), sinks)

    assert status.faults == {
        "broker": broker,
        "stream": stream,
        "hook": "refused; 3 wait",
        "other": None,
    }
