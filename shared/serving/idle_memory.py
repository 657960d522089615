"""Gives memory back that batches took, once nothing is computed."""

import ctypes
from collections.abc import Callable

from shared.clock import Clock

_QUIET_S = 10.0


def give_back() -> None:
    """Returns to the system what malloc holds free, where it is glibc's; takes about 0.1 s."""
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


class IdleMemory:
    """Calls `give_back` once after work that was followed by 10 s without any.

    The heaps of a trunk hold 120 MB for the next batch of the greatest size; malloc itself gives
    back only what lies at a heap's end.
    """

    def __init__(self, clock: Clock, give_back: Callable[[], None] = give_back) -> None:
        self._clock = clock
        self._give_back = give_back
        self._done = -1
        self._since_s: float | None = None

    def look(self, done: int) -> None:
        """`done` counts what was computed so far; call this every second or so."""
        now_s = self._clock.monotonic()
        if done != self._done:
            self._done, self._since_s = done, now_s
        elif self._since_s is not None and now_s - self._since_s >= _QUIET_S:
            self._since_s = None
            self._give_back()
