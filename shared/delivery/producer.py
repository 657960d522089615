"""How a process writes to topics."""

from collections.abc import Sequence
from typing import Protocol


class Producer(Protocol):
    """Writes records, buffered; what `flush` did not refuse is acknowledged by all replicas."""

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp_ms: int | None = None,
        partition: int | None = None,
    ) -> None:
        """Buffers one record; records of one key go to one partition.

        `timestamp_ms`, now by default, is kept unless the topic is stamped by its broker.

        Raises:
            InputError: the record is too large, or has neither key nor value.
            DependencyError: the buffer is full or the topic's partitions cannot be learnt.
        """

    def flush(self, timeout_s: float) -> None:
        """Waits until everything sent so far is acknowledged.

        Raises:
            DependencyError: something was not acknowledged within `timeout_s`; it may or may not
                be in the log, so it is sent again with the same key.
        """

    def close(self) -> None:
        """Releases the connections; what was not flushed may be lost."""
