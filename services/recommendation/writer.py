"""Group commit: the events of all requests that wait share one transaction.

A commit costs a write to the disk, however many events it holds: while one is under way, the
requests that come meanwhile gather for the next one. Each is answered when its events are durable.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from services.recommendation.metrics import FEEDBACK_QUEUED
from services.recommendation.payloads import NewEvent
from services.recommendation.store import EventOutcome, FeedbackStore, StoredEvents
from shared.errors import DependencyError, OverloadedError

LOGGER = logging.getLogger(__name__)

_RETRY_AFTER_S = 1.0

Outcomes = tuple[EventOutcome, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A request's events, and who waits for their outcomes."""

    events: Sequence[NewEvent]
    done: Future[Outcomes] = field(default_factory=Future)


class FeedbackWriter:
    """One thread that stores what many requests bring.

    `on_stored` is called on that thread after each commit, with the new events and a function that
    answers the requests: whoever makes the events visible calls it afterwards. At most
    `max_queued_events` wait for their answer, `max_batch_events` of them share a transaction.
    """

    def __init__(
        self,
        store: FeedbackStore,
        on_stored: Callable[[StoredEvents, Callable[[], None]], None],
        *,
        max_queued_events: int,
        max_batch_events: int,
    ) -> None:
        self._store = store
        self._on_stored = on_stored
        self._max_queued_events = max_queued_events
        self._max_batch_events = max_batch_events
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._queued = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="feedback-writer", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def submit(self, events: Sequence[NewEvent]) -> Future[Outcomes]:
        """An outcome for each event, once they are durable; may be called from any thread.

        The future raises DependencyError where the database does not answer: then none of these
        events is stored.

        Raises:
            OverloadedError: too many events wait already.
            DependencyError: the writer is stopped.
        """
        waiting = _Waiting(events)
        with self._changed:
            if self._stopping:
                raise DependencyError("the application is being stopped: send the events again")
            if self._queued and self._queued + len(events) > self._max_queued_events:
                raise OverloadedError(
                    f"{self._queued} events wait already (limit {self._max_queued_events}): send "
                    f"these again in {_RETRY_AFTER_S:g} s",
                    retry_after_s=_RETRY_AFTER_S,
                )
            self._waiting.append(waiting)
            self._count(len(events))
            self._changed.notify()
        return waiting.done

    def stop(self, timeout_s: float) -> None:
        """Stores what waits, then ends the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while batch := self._take():
            # From here on nobody can cancel; who went away before that wants nothing stored.
            wanted = [one for one in batch if one.done.set_running_or_notify_cancel()]
            self._release(sum(len(one.events) for one in batch if one not in wanted))
            if wanted:
                self._write(wanted)

    def _take(self) -> list[_Waiting]:
        """The requests of the next transaction; none when the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            batch: list[_Waiting] = []
            events = 0
            while self._waiting:
                events += len(self._waiting[0].events)
                if batch and events > self._max_batch_events:
                    break
                batch.append(self._waiting.popleft())
            return batch

    def _write(self, batch: Sequence[_Waiting]) -> None:
        events = [event for waiting in batch for event in waiting.events]
        try:
            stored = self._store.store(events)
        except Exception as error:
            # The edge of the thread: whoever sent the events hears of it.
            if not isinstance(error, DependencyError):
                LOGGER.exception("events could not be stored")
            self._release(len(events))
            for waiting in batch:
                waiting.done.set_exception(error)
            return

        def answer() -> None:
            # First the room, then the answer: who has it may send again at once.
            self._release(len(events))
            start = 0
            for waiting in batch:
                end = start + len(waiting.events)
                waiting.done.set_result(stored.outcomes[start:end])
                start = end

        self._on_stored(stored, answer)

    def _release(self, events: int) -> None:
        with self._changed:
            self._count(-events)

    def _count(self, events: int) -> None:
        self._queued += events
        FEEDBACK_QUEUED.set(self._queued)
