"""The rows of one call on their way through the model, and how their caller is woken."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.models.rows import Row, RowResult
from shared.models.tasks import Priority
from shared.serving.batching import WaitingRow


@dataclass(slots=True, eq=False)
class Ticket:
    """The rows of one call: admitted together, answered together.

    `done` is a future of `loop`; it is set when `results[i]` is there for every row i.
    """

    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]
    priority: Priority
    deadline_s: float = math.inf
    abandoned: bool = False
    items: list[WaitingRow["Place"]] = field(default_factory=list)
    results: list[RowResult | None] = field(default_factory=list)
    remaining: int = 0

    @property
    def finished(self) -> list[RowResult]:
        """The results, once `done` is set."""
        return [result for result in self.results if result is not None]

    def fail(self, error: Exception) -> None:
        """Raises an error at the caller, from any thread."""
        resolve(self.loop, [self.done], error)


@dataclass(slots=True, eq=False)
class Place:
    """A row, and where its result goes."""

    ticket: Ticket
    index: int
    row: Row


def resolve(
    loop: asyncio.AbstractEventLoop,
    futures: Sequence[asyncio.Future[None]],
    error: Exception | None = None,
) -> None:
    """Sets futures of one loop from another thread, in one wake-up of the loop."""
    try:
        loop.call_soon_threadsafe(_set, futures, error)
    except RuntimeError:
        # A closed loop has no callers left to tell.
        if not loop.is_closed():
            raise


def _set(futures: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
