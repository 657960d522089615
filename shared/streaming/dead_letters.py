"""Why a record cannot be used, and when too many of them stop the stream."""

from dataclasses import dataclass

from shared.errors import PlatformError

NULL_VALUE = "null-value"
TOO_LARGE = "too-large"
BAD_ENCODING = "bad-encoding"
BAD_JSON = "bad-json"
BAD_SCHEMA = "bad-schema"
CLOCK_AHEAD = "clock-ahead"
REASONS = (NULL_VALUE, TOO_LARGE, BAD_ENCODING, BAD_JSON, BAD_SCHEMA, CLOCK_AHEAD)
"""Why records become dead letters; a metric's label and a column's value, so never renamed."""

_DETAIL_CHARS = 500


class DecodeError(PlatformError):
    """A record cannot be decoded; `reason` is one of `REASONS`, `detail` says what is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail[:_DETAIL_CHARS])
        self.reason = reason
        self.detail = detail[:_DETAIL_CHARS]

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


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
