"""What an application does with the records of its topic."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from shared.errors import PlatformError
from shared.streaming.consumer import StreamProgress
from shared.streaming.message import Record

PreparedT = TypeVar("PreparedT")


class BatchTooLargeError(PlatformError):
    """A batch of several records asks for more than can be answered in time: it is halved."""


class Handler(Protocol[PreparedT]):
    """What an application does with records; no method is called twice at the same time.

    `prepare` runs on one thread and `store` and `idle` on another, each in the order of the log.
    What fails is called again with the same records, so each leaves nothing behind when it raises.
    """

    def prepare(self, records: Sequence[Record]) -> PreparedT:
        """Decodes and encodes; slow, without effect.

        Raises:
            TooManyDeadLettersError: stops the stream for good; anything else is tried again.
        """

    def store(self, prepared: PreparedT, progress: StreamProgress) -> None:
        """Makes a batch's effect lasting, in one transaction.

        Records may come a second time, after a kill or a rebalance: their identity says so.
        `progress` is as of this batch: its positions are the offsets after it.
        """

    def idle(self, progress: StreamProgress) -> None:
        """Called when everything that was polled is stored and nothing came for a while."""

    def check(self) -> None:
        """Returns if a record that is known to be good could be handled now.

        Raises:
            Exception: whatever keeps all records from being handled.
        """

    def give_up(self, record: Record, error: Exception) -> PreparedT:
        """What is stored in place of a record that fails by itself: its dead letter.

        Raises:
            TooManyDeadLettersError: as for `prepare`.
        """
