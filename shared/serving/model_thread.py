"""The one thread that runs the model, and how rows get to it and results get away from it."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence

from shared.clock import Clock
from shared.errors import DeadlineError, DependencyError, PlatformError
from shared.models.rows import Row, RowResult
from shared.models.tasks import Priority
from shared.serving.batching import Item, QueueSettings, WaitingRoom
from shared.serving.ticket import Place, Ticket, resolve
from shared.telemetry import BATCH_FILL, BATCH_TOKENS, QUEUE_TOKENS

LOGGER = logging.getLogger(__name__)


Compute = Callable[[Sequence[Row], Callable[[], None] | None], Sequence[RowResult]]
"""Runs one batch: its rows, and what to call before each layer."""


class ModelThread:
    """Takes batches from the waiting room and computes them, one after another.

    Between the layers of a batch that nobody in particular waits for, rows of people who do are
    run: one batch of them for each layer, so that neither waits long.
    """

    def __init__(self, compute: Compute, settings: QueueSettings, clock: Clock) -> None:
        self._compute = compute
        self._room: WaitingRoom[Place] = WaitingRoom(settings, clock)
        self._changed = threading.Condition()
        self._closing = False
        self._computed_tokens = 0
        self._thread = threading.Thread(target=self._serve, name="model", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def waiting_rows(self, priority: Priority) -> int:
        """How many rows of a priority wait."""
        with self._changed:
            return self._room.waiting_rows(priority)

    def close(self) -> None:
        """Stops after the batch that is being computed; callers that still wait are told so."""
        with self._changed:
            self._closing = True
            waiting = self._room.clear()
            self._changed.notify_all()
        self._fail(waiting, DependencyError, "the trunk is stopping: try again")
        self._thread.join()

    def reserve(self, priority: Priority, rows: int) -> None:
        """Keeps room for rows that are still being tokenised.

        Raises:
            OverloadedError: too much waits already.
        """
        with self._changed:
            self._room.reserve(priority, rows)

    def submit(self, ticket: Ticket, rows: Sequence[Row], reserved: int) -> None:
        """Lets a ticket's rows wait for the model, unless the ticket was withdrawn meanwhile.

        Raises:
            OverloadedError: too much waits already.
            DependencyError: the thread is stopping.
        """
        with self._changed:
            self._room.release(ticket.priority, reserved)
            if self._closing:
                raise DependencyError("the trunk is stopping: try again")
            if ticket.abandoned:
                return
            ticket.items = [
                Item(Place(ticket, index, row), row.tokens, ticket.priority, ticket.deadline_s)
                for index, row in enumerate(rows)
            ]
            ticket.results = [None] * len(rows)
            ticket.remaining = len(rows)
            self._room.admit(ticket.items)
            self._publish()
            self._changed.notify()
        if not rows:
            self._deliver([ticket])

    def release(self, priority: Priority, rows: int) -> None:
        """Gives back what `reserve` kept, when nothing will be submitted."""
        with self._changed:
            self._room.release(priority, rows)

    def withdraw(self, ticket: Ticket) -> None:
        """Forgets a ticket: those of its rows that still wait are not computed."""
        with self._changed:
            ticket.abandoned = True
            self._room.withdraw(ticket.items)
            self._publish()

    def _serve(self) -> None:
        while (batch := self._wait()) is not None:
            before, begun_s = self._computed_tokens, time.perf_counter()
            self._run(batch)
            with self._changed:
                computed = self._computed_tokens - before
                self._room.record(computed, time.perf_counter() - begun_s)

    def _wait(self) -> list[Item[Place]] | None:
        """The next batch, or None when it is time to stop."""
        while True:
            with self._changed:
                if self._closing:
                    return None
                batch = self._take()
                expired = self._room.take_expired()
                if not batch and not expired:
                    self._changed.wait()
            self._fail(expired, DeadlineError, "the deadline passed before the text's turn came")
            if batch:
                return batch

    def _take(self, only: Priority | None = None) -> list[Item[Place]]:
        batch = self._room.next_batch(only)
        self._publish()
        return batch

    def _let_people_in(self) -> None:
        # Without the lock: a row that is missed now is seen before the next layer.
        if self._room.waiting_rows(Priority.INTERACTIVE):
            with self._changed:
                batch = self._take(only=Priority.INTERACTIVE)
            if batch:
                self._run(batch)

    def _run(self, batch: list[Item[Place]]) -> None:
        preemptible = batch[0].priority is not Priority.INTERACTIVE
        useful = sum(item.tokens for item in batch)
        padded = len(batch) * max(item.tokens for item in batch)
        BATCH_TOKENS.observe(padded)
        BATCH_FILL.observe(useful / padded)
        try:
            results = self._compute(
                [item.row.row for item in batch], self._let_people_in if preemptible else None
            )
        except Exception:
            # The edge of the thread: whatever a batch does to the model, the next one is served.
            LOGGER.exception("a batch failed", extra={"rows": len(batch), "tokens": padded})
            self._fail(batch, PlatformError, "the model failed; the trunk's log has the reason")
            return
        self._computed_tokens += useful
        finished = []
        for item, result in zip(batch, results, strict=True):
            ticket = item.row.ticket
            ticket.results[item.row.index] = result
            ticket.remaining -= 1
            if not ticket.remaining:
                finished.append(ticket)
        self._deliver(finished)

    def _fail(
        self,
        items: Sequence[Item[Place]],
        kind: type[PlatformError],
        message: str,
    ) -> None:
        tickets = dict.fromkeys(item.row.ticket for item in items)
        for ticket in tickets:
            ticket.fail(kind(message))

    def _deliver(self, tickets: Sequence[Ticket]) -> None:
        """Wakes the callers: once for each event loop and batch, however many they are."""
        loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for ticket in tickets:
            loops.setdefault(ticket.loop, []).append(ticket.done)
        for loop, futures in loops.items():
            resolve(loop, futures)

    def _publish(self) -> None:
        for priority in Priority:
            QUEUE_TOKENS.labels(priority).set(self._room.waiting_tokens(priority))
