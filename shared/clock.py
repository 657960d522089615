"""Time as a dependency, so that a test turns the clock by hand."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where components read the time."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean something."""

    def time(self) -> float:
        """Seconds since the Unix epoch, UTC."""


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    def time(self) -> float:
        """Seconds of `time.time`."""
        return time.time()


class ManualClock:
    """A clock that stands still until a test advances it."""

    def __init__(self, now_s: float = 1_700_000_000.0) -> None:
        self._now_s = now_s

    def monotonic(self) -> float:
        """The seconds set so far."""
        return self._now_s

    def time(self) -> float:
        """The seconds set so far."""
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Moves the clock forward; negative steps are refused, as no real clock makes them."""
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds} s: a clock never goes back")
        self._now_s += seconds
