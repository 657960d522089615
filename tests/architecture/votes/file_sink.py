"""A made-up sink: each message becomes a line of a file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from shared.delivery.outbox import Delivery
from shared.delivery.relay import Attempt, Outcome


class FileSink:
    """A sink (`shared.delivery.relay.Sink`) for messages of one of the outbox's names."""

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path

    @property
    def names(self) -> tuple[str, ...]:
        """The one name it was given."""
        return (self._name,)

    @property
    def attempt_s(self) -> float:
        """The longest that an attempt takes."""
        return 1.0

    def send(self, deliveries: Sequence[Delivery]) -> Iterator[Attempt]:
        """Appends them in order; a file that cannot be written is away."""
        for delivery in deliveries:
            try:
                with self._path.open("ab") as file:
                    file.write(delivery.message.payload + b"\n")
            except OSError as error:
                yield Attempt(delivery, Outcome.AWAY, str(error))
                return
            yield Attempt(delivery, Outcome.DELIVERED)

    def close(self) -> None:
        """Nothing is kept between attempts."""
