"""Since when a member's partitions have brought nothing, as far as it has watched them."""

from collections.abc import Set as AbstractSet

from shared.clock import Clock
from shared.sentiment.watermark import Silence
from shared.streaming.consumer import StreamProgress

_MAX_GAP_S = 30.0
"""After a longer time without a look, as of a process that was frozen, silence begins again."""


class SilenceWatch:
    """Looks at a member's progress again and again; for one thread.

    A partition is silent from the first look that found every record of it handed out, until one
    that finds more of them. A process that starts knows of no silence before.
    """

    def __init__(self, clock: Clock, *, idle_after_s: float) -> None:
        self._clock = clock
        self._idle_after_s = idle_after_s
        self._since_s: dict[int, float] = {}
        self._looked_s = clock.monotonic()

    def idle(self, progress: StreamProgress, busy: AbstractSet[int]) -> set[int]:
        """The owned partitions that are silent for a while, beside the busy ones of a batch."""
        now_s = self._look(progress, busy)
        return {n for n, since in self._since_s.items() if now_s - since >= self._idle_after_s}

    def silences(self, progress: StreamProgress) -> dict[int, Silence]:
        """Each silent partition's stretch up to now, in which nothing was under way."""
        now_s, until = self._look(progress, frozenset()), self._clock.time()
        return {n: Silence(until - (now_s - since), until) for n, since in self._since_s.items()}

    def _look(self, progress: StreamProgress, busy: AbstractSet[int]) -> float:
        now_s = self._clock.monotonic()
        if now_s - self._looked_s > _MAX_GAP_S:
            self._since_s.clear()
        self._looked_s = now_s
        silent = {n for n, place in progress.owned.items() if place.caught_up and n not in busy}
        self._since_s = {n: self._since_s.get(n, now_s) for n in silent}
        return now_s
