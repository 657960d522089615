"""The threads that run the model, and how rows get to them and results get away from them.

Each computes another batch. On processor cores that beats the cores sharing every batch:
inside a batch they wait for each other at every operator, and most of all where another process
takes one of them for a moment.
"""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from shared.clock import Clock
from shared.errors import DeadlineError, DependencyError, PlatformError
from shared.models.rows import Row, RowResult
from shared.models.tasks import Priority
from shared.serving.batching import QueueSettings, WaitingRoom, WaitingRow
from shared.serving.ticket import Place, Ticket, resolve
from shared.telemetry import BATCH_FILL, BATCH_TOKENS, QUEUE_TOKENS

LOGGER = logging.getLogger(__name__)

_PEOPLE_STAY_S = 1.0
"""So long after somebody's last row one of several threads computes people's rows alone: a chat
next to a full stream then has a core to itself, and not only the first place in the queue."""

Compute = Callable[[Sequence[Row], Callable[[], None] | None], Sequence[RowResult]]
"""Runs one batch: its rows, and what to call before each layer."""


class ModelThreads:
    """Each takes batches from the waiting room and computes them, one after another.

    What waits is divided among the threads that have nothing to do. Between the layers of a batch
    that nobody in particular waits for, rows of people who do are run: one batch of them for each
    layer, so that neither waits long. `compute` is called by all threads at the same time.
    """

    def __init__(
        self, compute: Compute, settings: QueueSettings, clock: Clock, threads: int = 1
    ) -> None:
        self._compute = compute
        self._room: WaitingRoom[Place] = WaitingRoom(settings, clock)
        self._clock = clock
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._people_done = threading.Condition(self._lock)
        self._idle = 0
        self._busy_with_others = 0
        self._busy_with_people = 0
        self._making_way = 0
        self._people_until_s = -math.inf
        self._closing = False
        self.batches = 0
        """How many were computed so far."""
        self._threads = [
            threading.Thread(target=self._serve, name=f"model-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def are_alive(self) -> bool:
        """Whether all threads still run."""
        return all(thread.is_alive() for thread in self._threads)

    def waiting_rows(self, priority: Priority) -> int:
        """How many rows of a priority wait."""
        with self._lock:
            return self._room.waiting_rows(priority)

    def close(self) -> None:
        """Stops after the batches that are being computed; callers that still wait are told so."""
        with self._lock:
            self._closing = True
            waiting = self._room.clear()
            self._changed.notify_all()
        self._fail(waiting, DependencyError, "the trunk is stopping: try again")
        for thread in self._threads:
            thread.join()

    def reserve(self, priority: Priority, rows: int) -> None:
        """Keeps room for rows that are still being tokenised.

        Raises:
            OverloadedError: too much waits already.
        """
        with self._lock:
            self._room.reserve(priority, rows)

    def submit(self, ticket: Ticket, rows: Sequence[Row], reserved: int) -> None:
        """Lets a ticket's rows wait for the model, unless the ticket was withdrawn meanwhile.

        Raises:
            OverloadedError: too much waits already.
            DependencyError: the threads are stopping.
        """
        with self._lock:
            self._room.release(ticket.priority, reserved)
            if self._closing:
                raise DependencyError("the trunk is stopping: try again")
            if ticket.abandoned:
                return
            ticket.items = [
                WaitingRow(
                    Place(ticket, index, row),
                    row.columns,
                    ticket.priority,
                    ticket.deadline_s,
                    row.group,
                )
                for index, row in enumerate(rows)
            ]
            ticket.results = [None] * len(rows)
            ticket.remaining = len(rows)
            self._room.admit(ticket.items)
            if ticket.priority is Priority.INTERACTIVE:
                self._people_until_s = self._clock.monotonic() + _PEOPLE_STAY_S
            self._publish()
            self._changed.notify()
        if not rows:
            self._deliver([ticket])

    def release(self, priority: Priority, rows: int) -> None:
        """Gives back what `reserve` kept, when nothing will be submitted."""
        with self._lock:
            self._room.release(priority, rows)

    def withdraw(self, ticket: Ticket) -> None:
        """Forgets a ticket: those of its rows that still wait are not computed."""
        with self._lock:
            ticket.abandoned = True
            self._room.withdraw(ticket.items)
            self._publish()

    def _serve(self) -> None:
        while (batch := self._wait()) is not None:
            begun_s = time.perf_counter()
            tokens = self._run(batch)
            seconds = (time.perf_counter() - begun_s) / len(self._threads)
            with self._lock:
                self._room.record(tokens, seconds)
                self.batches += 1
                self._busy_with_others -= batch[0].priority is not Priority.INTERACTIVE

    def _wait(self) -> list[WaitingRow[Place]] | None:
        """The next batch, or None when it is time to stop."""
        while True:
            with self._lock:
                if self._closing:
                    return None
                kept_s = self._kept_for_people_s()
                batch = self._take(only=Priority.INTERACTIVE if kept_s else None)
                expired = self._room.take_expired()
                if batch:
                    self._busy_with_others += batch[0].priority is not Priority.INTERACTIVE
                elif not expired:
                    self._idle += 1
                    self._changed.wait(kept_s)
                    self._idle -= 1
            self._fail(expired, DeadlineError, "the deadline passed before the text's turn came")
            if batch:
                return batch

    def _kept_for_people_s(self) -> float | None:
        """How long the thread that asks takes nobody else's rows; None if it takes all."""
        if self._busy_with_others < len(self._threads) - 1 or len(self._threads) == 1:
            return None
        left_s = self._people_until_s - self._clock.monotonic()
        return left_s if left_s > 0 else None

    def _take(self, only: Priority | None = None) -> list[WaitingRow[Place]]:
        """A batch for this thread; what it leaves is for another one, if one is idle."""
        batch = self._room.next_batch(only, sharers=1 + self._idle)
        if batch and self._idle:
            self._changed.notify()
        self._publish()
        return batch

    def _let_people_in(self) -> int:
        """Computes a batch of people's rows if any wait; returns its tokens."""
        # Without the lock: a row that is missed now is seen before the next layer.
        if self._room.waiting_rows(Priority.INTERACTIVE):
            with self._lock:
                batch = self._take(only=Priority.INTERACTIVE)
            if batch:
                return self._run(batch)
        return 0

    def _count_people(self, batch: list[WaitingRow[Place]], change: int) -> None:
        if batch[0].priority is Priority.INTERACTIVE:
            with self._lock:
                self._busy_with_people += change
                self._people_done.notify_all()

    def _make_way(self) -> None:
        """Waits for a batch of people's that another thread computes, if nobody waits for it yet.

        Its core does meanwhile what is done around that batch. A class that is owed its share is
        not held up for long: until it has had its turn no further batch of people's begins.
        """
        # Without the lock: what is missed now is seen before the next layer.
        if self._busy_with_people <= self._making_way:
            return
        with self._lock:
            self._making_way += 1
            self._people_done.wait_for(lambda: self._busy_with_people < self._making_way)
            self._making_way -= 1

    def _run(self, batch: list[WaitingRow[Place]]) -> int:
        """Computes a batch and whatever is let in between; returns how many tokens that were."""
        preemptible = batch[0].priority is not Priority.INTERACTIVE
        useful = sum(item.tokens for item in batch)
        padded = len(batch) * max(item.tokens for item in batch)
        BATCH_TOKENS.observe(padded)
        BATCH_FILL.observe(useful / padded)
        let_in = 0

        def between_layers() -> None:
            nonlocal let_in
            let_in += self._let_people_in()
            self._make_way()

        self._count_people(batch, 1)
        try:
            results = self._compute(
                [item.row.row for item in batch], between_layers if preemptible else None
            )
        except Exception:
            # The edge of the thread: whatever a batch does to the model, the next one is served.
            LOGGER.exception("a batch failed", extra={"rows": len(batch), "tokens": padded})
            self._fail(batch, PlatformError, "the model failed; the trunk's log has the reason")
            return let_in
        finally:
            self._count_people(batch, -1)
        finished = []
        # Two threads may compute rows of one ticket.
        with self._lock:
            for item, result in zip(batch, results, strict=True):
                ticket = item.row.ticket
                ticket.results[item.row.index] = result
                ticket.remaining -= 1
                if not ticket.remaining:
                    finished.append(ticket)
        self._deliver(finished)
        return useful + let_in

    def _fail(
        self,
        items: Sequence[WaitingRow[Place]],
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
