"""What of a stream is an application's own, and what is the same for all of them.

Each record is decoded by itself; those that cannot be used become dead letters, and too many of
them in a row stop the stream.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import orjson

from shared.clock import Clock
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import (
    BAD_ENCODING,
    BAD_JSON,
    NULL_VALUE,
    TOO_LARGE,
    DeadLetter,
    DeadLetterLimit,
    DecodeError,
    failed,
)
from shared.streaming.message import Record
from shared.tabular.json_size import oversize

DecodedT = TypeVar("DecodedT")
GoodT = TypeVar("GoodT")

_RATE_WINDOW_S = 10.0


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """What became of a batch: records that were not read before, and messages that it left."""

    fresh: int
    messages: int


class Application(Protocol[DecodedT, GoodT]):
    """What an application does with its records; `RecordHandler` says when.

    `decode` and `complete` run on one thread, `store` and `idle` on another. What fails is called
    again with the same records, so each leaves nothing behind when it raises.
    """

    def decode(self, record: Record, arrived_at: float) -> DecodedT:
        """What a record says; `arrived_at` in Unix seconds.

        Raises:
            DecodeError: it cannot be used.
        """

    def complete(self, decoded: Sequence[tuple[Record, DecodedT]]) -> Sequence[GoodT | DecodeError]:
        """What is stored of each usable record of a batch, in order; slow, without effect.

        A record that turns out to be of no use gives its `DecodeError`.

        Raises:
            BatchTooLargeError: they are too much for one call.
            PlatformError: something outside does not answer.
        """

    def store(
        self, prepared: Sequence[GoodT | DeadLetter], progress: StreamProgress
    ) -> StoredBatch:
        """Makes a batch's effect lasting, in one transaction: see `Handler.store`.

        Raises:
            DependencyError: the database does not answer.
        """

    def idle(self, progress: StreamProgress) -> Iterable[int]:
        """What there is to do when nothing came; yields each transaction's number of messages.

        Raises:
            DependencyError: the database does not answer.
        """

    def check(self) -> None:
        """Returns if a record that is known to be good could be handled now.

        Raises:
            Exception: whatever keeps all records from being handled.
        """

    def cancel(self) -> None:
        """Ends what `complete` or `check` waits for: the stream is being stopped."""


class RecordHandler(Generic[DecodedT, GoodT]):
    """`Handler` of an application; `on_messages` is called when a commit left messages to send.

    `on_stored` is called after each batch that had records which were not read before.
    """

    def __init__(
        self,
        application: Application[DecodedT, GoodT],
        clock: Clock,
        on_messages: Callable[[], None],
        limit: DeadLetterLimit,
    ) -> None:
        self._application = application
        self._clock = clock
        self._on_messages = on_messages
        self._limit = limit
        self._dead_in_a_row = 0
        self._recent: deque[tuple[float, int]] = deque(maxlen=10_000)
        self._stopping = threading.Event()
        self.on_stored: Callable[[], None] | None = None

    @property
    def rate(self) -> float:
        """Records stored a second, over the last 10 seconds."""
        since_s = self._clock.monotonic() - _RATE_WINDOW_S
        stored = sum(number for at_s, number in list(self._recent) if at_s > since_s)
        return stored / _RATE_WINDOW_S

    def stop(self) -> None:
        """Ends what is under way and not stored: its batch is read again."""
        self._stopping.set()
        self._application.cancel()

    def prepare(self, records: Sequence[Record]) -> tuple[GoodT | DeadLetter, ...]:
        """Decodes each record by itself, and completes the good ones together.

        Raises:
            TooManyDeadLettersError: so many records in a row are unusable that the stream stops.
            PlatformError: see `Application.complete`.
        """
        decoded = [self._decoded(record) for record in records]
        # Before anything is asked: where too many are unusable nothing is done with the rest.
        self._counted(decoded)
        pairs = zip(records, decoded, strict=True)
        good = [(record, one) for record, one in pairs if not isinstance(one, DecodeError)]
        completed = iter(self._application.complete(good))
        found = [one if isinstance(one, DecodeError) else next(completed) for one in decoded]
        self._dead_in_a_row = self._counted(found)
        return tuple(
            DeadLetter(record, one) if isinstance(one, DecodeError) else one
            for record, one in zip(records, found, strict=True)
        )

    def store(self, prepared: tuple[GoodT | DeadLetter, ...], progress: StreamProgress) -> None:
        """Stores a batch and counts it."""
        stored = self._application.store(prepared, progress)
        self._recent.append((self._clock.monotonic(), stored.fresh))
        if stored.fresh and self.on_stored is not None:
            self.on_stored()
        self._tell(stored.messages)

    def idle(self, progress: StreamProgress) -> None:
        """Does what there is to do when nothing came, until the stream is stopped."""
        for messages in self._application.idle(progress):
            self._tell(messages)
            if self._stopping.is_set():
                return

    def check(self) -> None:
        """See `Handler.check`."""
        self._application.check()

    def give_up(self, record: Record, error: Exception) -> tuple[GoodT | DeadLetter, ...]:
        """The record's dead letter, with the failure as its reason.

        Raises:
            TooManyDeadLettersError: it is one too many in a row.
        """
        letter = failed(record, error)
        self._limit.check(self._dead_in_a_row + 1, letter.error)
        self._dead_in_a_row += 1
        return (letter,)

    def _decoded(self, record: Record) -> DecodedT | DecodeError:
        try:
            return self._application.decode(record, record.arrived_at(self._clock.time()))
        except DecodeError as error:
            return error

    def _counted(self, found: Sequence[object]) -> int:
        """How many unusable records in a row there are at the end of these.

        Raises:
            TooManyDeadLettersError: see `prepare`.
        """
        in_a_row = self._dead_in_a_row
        for one in found:
            if isinstance(one, DecodeError):
                in_a_row += 1
                self._limit.check(in_a_row, one)
            else:
                in_a_row = 0
        return in_a_row

    def _tell(self, messages: int) -> None:
        if messages:
            self._on_messages()


def json_value(value: bytes | None, max_bytes: int) -> object:
    """A record's value, which is JSON.

    Raises:
        DecodeError: it is missing, larger than `max_bytes`, not UTF-8, not JSON, nested too deeply,
            or of too many values.
    """
    if value is None:
        raise DecodeError(NULL_VALUE, "the record has no value")
    if len(value) > max_bytes:
        raise DecodeError(TOO_LARGE, f"{len(value)} bytes, more than {max_bytes}")
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(BAD_ENCODING, f"not UTF-8: {error.reason} at {error.start}") from None
    if (too_much := oversize(value)) is not None:
        raise DecodeError(TOO_LARGE, too_much)
    try:
        # Strict: no NaN, no Infinity, no lone surrogates.
        parsed: object = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise DecodeError(BAD_JSON, str(error)) from None
    return parsed
