"""The histories of users or of sessions, of which those stay that did something last."""

from collections import OrderedDict
from math import inf

import numpy as np

from shared.ranking.behaviour.history import History
from shared.ranking.saved_arrays import (
    Arrays,
    joined,
    parts,
    read_parts,
    read_texts,
    split,
    texts,
)

_COLUMNS = {"times_ms": "q", "keys": "q", "weights": "f", "types": "h"}
"""What is as long as a history's rows, with the type codes."""


class Histories:
    """At most `kept` histories, none that ended more than `kept_s` before the newest event.

    Those that an event named last stay; a query changes nothing, so the same events leave the same
    ones. What a forgotten one did still counts for its items.
    """

    def __init__(self, kept: int, kept_s: float = inf) -> None:
        self._kept = kept
        self._kept_ms = kept_s * 1000.0
        self._newest_ms = 0
        self._histories: OrderedDict[str, History] = OrderedDict()

    def __len__(self) -> int:
        return len(self._histories)

    def arrays(self) -> Arrays:
        """All of them, for `restore`; nothing may happen in one meanwhile."""
        histories = list(self._histories.values())
        return {
            "newest_ms": np.array([self._newest_ms], np.int64),
            **texts("names", list(self._histories)),
            **parts("rows", [one.rows for one in histories]),
            **{name: joined([getattr(one, name) for one in histories]) for name in _COLUMNS},
            **parts("forgotten", [one.forgotten for one in histories]),
        }

    def restore(self, arrays: Arrays) -> None:
        """Become what `arrays` was made of, by the same settings.

        Raises:
            ArtifactError: the arrays do not fit each other.
        """
        self._newest_ms = int(arrays["newest_ms"][0])
        lengths = arrays["rows.lengths"]
        columns = [split(arrays[name], lengths, code) for name, code in _COLUMNS.items()]
        self._histories = OrderedDict(
            (name, History(*one))
            for name, *one in zip(
                read_texts("names", arrays),
                read_parts("rows", arrays, "i"),
                *columns,
                read_parts("forgotten", arrays, "i"),
                strict=True,
            )
        )

    def get(self, name: str) -> History | None:
        """The history of a name; None where it is unknown or forgotten."""
        return self._histories.get(name)

    def open(self, name: str, time_ms: int) -> History:
        """The history of whom an event tells of; forgets others for it."""
        self._newest_ms = max(self._newest_ms, time_ms)
        history = self._histories.get(name)
        if history is None:
            history = self._histories[name] = History()
        self._histories.move_to_end(name)
        # The one that is opened stands last, and stays.
        while len(self._histories) > self._kept or self._first_is_over():
            self._histories.popitem(last=False)
        return history

    def _first_is_over(self) -> bool:
        first = next(iter(self._histories.values()))
        return len(self._histories) > 1 and first.times_ms[-1] < self._newest_ms - self._kept_ms
