"""Why a record cannot be used, what is kept of it, and when too many of them stop the stream."""

from dataclasses import dataclass

from shared.errors import DeadlineError, PlatformError
from shared.streaming.message import Record

NULL_VALUE = "null-value"
TOO_LARGE = "too-large"
BAD_ENCODING = "bad-encoding"
BAD_JSON = "bad-json"
BAD_SCHEMA = "bad-schema"
CLOCK_AHEAD = "clock-ahead"
NO_TASK = "no-task"
TOO_SLOW = "too-slow"
FAILED = "failed"
REASONS = (
    NULL_VALUE,
    TOO_LARGE,
    BAD_ENCODING,
    BAD_JSON,
    BAD_SCHEMA,
    CLOCK_AHEAD,
    NO_TASK,
    TOO_SLOW,
    FAILED,
)
"""Why records become dead letters; a metric's label and a column's value, so never renamed."""

DEAD_LETTERS = "dead-letters"
"""The name of the outbox's sink that is the topic of dead letters."""

_DETAIL_CHARS = 500
_KEPT_BYTES = 64 * 1024


class DecodeError(PlatformError):
    """A record cannot be used; `reason` is one of `REASONS`, `detail` says what is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail[:_DETAIL_CHARS])
        self.reason = reason
        self.detail = detail[:_DETAIL_CHARS]

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be used, and why."""

    record: Record
    error: DecodeError

    @property
    def detail(self) -> str:
        """The fault in words that every database takes: what it quotes may hold anything."""
        return self.error.detail.replace("\0", "\ufffd").encode("utf-8", "replace").decode()

    @property
    def kept(self) -> bytes | None:
        """The value as it came, at most its first 64 KiB."""
        return None if self.record.value is None else self.record.value[:_KEPT_BYTES]

    @property
    def key(self) -> str:
        """Names the record, so that a second delivery to the topic can be recognised."""
        return f"{self.record.topic_id}:{self.record.partition}:{self.record.offset}"

    @property
    def headers(self) -> dict[str, str]:
        """What the topic is told of the record's origin and fault."""
        record = self.record
        return {
            "origin-topic": record.topic,
            "origin-topic-id": record.topic_id,
            "origin-partition": str(record.partition),
            "origin-offset": str(record.offset),
            "origin-timestamp-ms": str(record.timestamp_ms),
            "reason": self.error.reason,
            "detail": self.detail,
            "value-bytes": "null" if record.value is None else str(len(record.value)),
        }

    def row(self, now_s: float) -> dict[str, object]:
        """The row of a service's table of dead letters."""
        return {
            "topic_id": self.record.topic_id,
            "partition": self.record.partition,
            "offset": self.record.offset,
            "reason": self.error.reason,
            "detail": self.detail,
            "value": self.kept,
            "stored_at": now_s,
        }


def failed(record: Record, error: Exception) -> DeadLetter:
    """The dead letter of a record that could be decoded, but fails by itself in what follows."""
    reason = TOO_SLOW if isinstance(error, DeadlineError) else FAILED
    return DeadLetter(record, DecodeError(reason, str(error) or "it could not be handled"))


class TooManyDeadLettersError(PlatformError):
    """So many records in a row are unusable that something else must be wrong: the stream stops."""


@dataclass(frozen=True, slots=True)
class DeadLetterLimit:
    """How many dead letters in a row are taken for bad records rather than for a bad deployment.

    Without a limit a producer's new format, or a bug in the decoder, would turn the whole topic
    into dead letters, and the offsets behind them would be committed. The count is the caller's:
    it starts at 0 with the process and again at each good record.
    """

    max_consecutive: int = 1000

    def check(self, consecutive: int, last: DecodeError) -> None:
        """Refuses to go on past the limit.

        Raises:
            TooManyDeadLettersError: `consecutive` is past the limit.
        """
        if consecutive > self.max_consecutive:
            raise TooManyDeadLettersError(
                f"{consecutive} dead letters in a row (limit {self.max_consecutive}), the last "
                f"one {last}: repair the producer or the decoder, or raise the limit, then start "
                "the stream again"
            )
