"""Keeps the rankings abreast of the database, whichever process stored an event.

The numbers of stored events have no gaps, so what this process stored itself is applied at once
where it follows on what is applied already; all else is read from the table.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.recommendation.items import ItemKey
from services.recommendation.metrics import RANKING_APPLIED
from services.recommendation.rankings.rankings import Rankings
from services.recommendation.rankings.snapshots import Snapshots
from services.recommendation.reading import FeedbackReader
from services.recommendation.store import StoredEvents
from shared.errors import ArtifactError, PlatformError

LOGGER = logging.getLogger(__name__)

_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Offered:
    """Events of this process, and who waits until rankings know of them."""

    stored: StoredEvents
    answer: Callable[[], None]


class Follower:
    """One thread that applies stored events in their order, and looks for new ones every `poll_s`.

    Whoever stores some in this process calls `offer` or `wake`: only others' wait for the poll.
    A process that starts takes the newest snapshot and the events after it, or all of them, and
    then `fill` adds what does not come from events. Until then `is_caught_up` is False, and writers
    are answered without waiting for it. `on_items` gets the items whose events are applied later.
    """

    def __init__(
        self,
        reader: FeedbackReader,
        rankings: Rankings,
        snapshots: Snapshots,
        fill: Callable[[Rankings], None],
        on_items: Callable[[Sequence[ItemKey]], None],
        *,
        poll_s: float,
    ) -> None:
        self._reader = reader
        self._rankings = rankings
        self._snapshots = snapshots
        self._fill = fill
        self._on_items = on_items
        self._poll_s = poll_s
        self._changed = threading.Condition()
        # Held while events are applied, and while other rankings take the place of these.
        self._applying = threading.Lock()
        self._offered: deque[_Offered] = deque()
        self._caught_up = False
        self._woken = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="feedback-follower", daemon=True)

    @property
    def rankings(self) -> Rankings:
        """The rankings that serve now."""
        return self._rankings

    @property
    def is_caught_up(self) -> bool:
        """Whether all has been applied once that was stored before."""
        return self._caught_up

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ends the thread; who waits for it is answered, since what is stored is stored."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._snapshots.wait(timeout_s)
        for one in self._take():
            one.answer()

    def offer(self, stored: StoredEvents, answer: Callable[[], None]) -> None:
        """Events that were just stored here; `answer` is called when rankings know of them."""
        with self._changed:
            if self._caught_up and not self._stopping:
                self._offered.append(_Offered(stored, answer))
                self._changed.notify()
                return
        answer()

    def wake(self) -> None:
        """Looks for new events now."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def replace(self, rankings: Rankings) -> None:
        """Puts other rankings in the place of these, at one moment and with nothing missing.

        They take over what these know, and get their vectors while these go on serving; blocks
        meanwhile.
        """
        with self._applying:
            states, seq = self._rankings.dump(), self._rankings.applied_seq
        rankings.restore(seq, states)
        self._read_on(rankings)
        self._fill(rankings)
        with self._applying:
            self._read_on(rankings)
            self._rankings = rankings

    def _run(self) -> None:
        while not self._stopping:
            wait_s = self._poll_s
            offered = self._take()
            try:
                if not self._caught_up:
                    self._build(self._rankings)
                    self._caught_up = True
                self._follow(offered)
            except PlatformError as error:
                LOGGER.warning("feedback cannot be read", extra={"reason": str(error)})
                wait_s = _RETRY_S
            finally:
                for one in offered:
                    one.answer()
            self._save()
            with self._changed:
                self._changed.wait_for(self._is_due, wait_s)

    def _is_due(self) -> bool:
        return bool(self._offered) or self._woken or self._stopping

    def _build(self, rankings: Rankings) -> None:
        if not rankings.applied_seq:
            self._restore(rankings)
        if self._reader.first_seq() > rankings.applied_seq + 1:
            # Events were deleted that no snapshot holds; the items' rows are complete all the same.
            rankings.take_items(self._reader.items())
        self._read_on(rankings)
        self._fill(rankings)

    def _restore(self, rankings: Rankings) -> None:
        snapshot = self._snapshots.load()
        if snapshot is None:
            return
        try:
            rankings.restore(snapshot.seq, snapshot.states)
        except ArtifactError as error:
            self._snapshots.discard(error)
            rankings.clear()

    def _save(self) -> None:
        """Saves the rankings where it is time; who waits for an event has had the answer."""
        with self._applying:
            seq = self._rankings.applied_seq
            if self._caught_up and self._snapshots.is_due(seq):
                self._snapshots.save(seq, self._rankings.dump())

    def _follow(self, offered: Sequence[_Offered]) -> None:
        with self._applying:
            rankings = self._rankings
            changed: list[ItemKey] = []
            for one in offered:
                events = one.stored.events
                if events and events[0].seq == rankings.applied_seq + 1:
                    changed.extend(rankings.apply(events))
            last = max((o.stored.events[-1].seq for o in offered if o.stored.events), default=None)
            if last is None or last > rankings.applied_seq:
                changed.extend(self._read_on(rankings))
        RANKING_APPLIED.set(rankings.applied_seq)
        if changed:
            self._on_items(changed)

    def _read_on(self, rankings: Rankings) -> list[ItemKey]:
        """Applies what the table has more; returns the items of which it tells."""
        changed: list[ItemKey] = []
        while not self._stopping:
            events = self._reader.after(rankings.applied_seq)
            if not events:
                break
            changed.extend(rankings.apply(events))
        return changed

    def _take(self) -> list[_Offered]:
        with self._changed:
            offered = list(self._offered)
            self._offered.clear()
            self._woken = False
            return offered
