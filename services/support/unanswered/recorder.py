"""Questions that were not answered are written beside the requests, never in their way."""

import logging
import queue
import threading

from services.support.unanswered.store import Asked, UnansweredStore
from shared.errors import DependencyError
from shared.telemetry import UNANSWERED

LOGGER = logging.getLogger(__name__)

_BATCH = 100
_POLL_S = 0.2
_RETRY_S = 1.0


class Recorder:
    """A thread that writes what `note` is given, in few transactions.

    At most `max_queued` questions wait; one more is dropped, and counted as such. While the
    database does not answer they wait; what `stop` cannot write any more is dropped.
    """

    def __init__(self, store: UnansweredStore, max_queued: int) -> None:
        self._store = store
        self._queue: queue.Queue[Asked] = queue.Queue(max_queued)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="unanswered", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def note(self, asked: Asked) -> None:
        """Takes a question to be written soon; returns at once.

        One without a letter or digit ("???", emoji) is dropped, and counted as such: it names
        nothing that an article could be written about, and what it follows was asked before it.
        """
        if not asked.has_words:
            UNANSWERED.labels("no_words").inc()
            return
        try:
            self._queue.put_nowait(asked)
        except queue.Full:
            UNANSWERED.labels("queue_full").inc()

    def stop(self, timeout_s: float) -> None:
        """Writes what waits, and ends."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        UNANSWERED.labels("failed").inc(len(self._waiting()))

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._queue.empty()):
            try:
                first = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            self._write([first, *self._waiting(_BATCH - 1)])

    def _write(self, batch: list[Asked]) -> None:
        while True:
            try:
                deleted = self._store.add(batch)
            except DependencyError as error:
                LOGGER.warning("unanswered questions wait", extra={"reason": str(error)})
                if not self._stopping.wait(_RETRY_S):
                    continue
            except Exception:
                # The edge of the thread: these are lost, and the next ones may be written.
                LOGGER.exception("unanswered questions could not be written")
            else:
                UNANSWERED.labels("kept").inc(len(batch))
                UNANSWERED.labels("too_many").inc(deleted)
                return
            UNANSWERED.labels("failed").inc(len(batch))
            return

    def _waiting(self, most: int | None = None) -> list[Asked]:
        """What waits, `most` at most."""
        found: list[Asked] = []
        while most is None or len(found) < most:
            try:
                found.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return found
