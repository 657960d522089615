"""The histories of users or of sessions, of which those stay that did something last."""

from collections import OrderedDict
from math import inf

from shared.ranking.history import History


class Histories:
    """At most `kept` histories, none that ended more than `kept_s` before the newest event.

    Those that were heard of last stay; to be asked for is not to be heard of, so the same events
    leave the same ones. What a forgotten one did still counts for its items.
    """

    def __init__(self, kept: int, kept_s: float = inf) -> None:
        self._kept = kept
        self._kept_ms = kept_s * 1000.0
        self._newest_ms = 0
        self._histories: OrderedDict[str, History] = OrderedDict()

    def __len__(self) -> int:
        return len(self._histories)

    def get(self, name: str) -> History | None:
        """The history of a name; None where it is unknown or forgotten."""
        return self._histories.get(name)

    def open(self, name: str, time_ms: int) -> History:
        """The history of whom an event tells of; forgets others for it."""
        self._newest_ms = max(self._newest_ms, time_ms)
        history = self._histories.setdefault(name, History())
        self._histories.move_to_end(name)
        # The one that is opened stands last, and stays.
        while len(self._histories) > self._kept or self._first_is_over():
            self._histories.popitem(last=False)
        return history

    def _first_is_over(self) -> bool:
        first = next(iter(self._histories.values()))
        return len(self._histories) > 1 and first.times_ms[-1] < self._newest_ms - self._kept_ms
