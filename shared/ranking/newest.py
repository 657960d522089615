"""The items that came last, without a look at all items for each question."""

import numpy as np

from shared.ranking.arrays import Float64s, Int64s

_KEPT = 1_000


class Newest:
    """Remembers the newest of n items, and looks again after so many further ones.

    In between it compares the remembered ones with those that came since. An item that an event
    from the past makes older sinks at once; what it had kept out is found at the next look.
    """

    def __init__(self) -> None:
        self._kept = np.zeros(0, np.int64)
        self._looked_at = 0

    def rows(self, first_seen_s: Float64s, count: int) -> Int64s:
        """The `count` newest rows by their times [n], the newest first; of equal ones the later.

        Items that no event has named (infinite times) are not among them.
        """
        if len(first_seen_s) - self._looked_at >= _KEPT or count > _KEPT:
            self._kept = _newest(first_seen_s, np.arange(len(first_seen_s)), max(count, _KEPT))
            self._looked_at = len(first_seen_s)
        since = np.arange(self._looked_at, len(first_seen_s))
        rows = np.concatenate((self._kept, since))
        return _newest(first_seen_s, rows, count)


def _newest(first_seen_s: Float64s, rows: Int64s, count: int) -> Int64s:
    named = rows[np.isfinite(first_seen_s[rows])]
    if len(named) > count:
        older = np.argpartition(first_seen_s[named], len(named) - count)
        named = named[older[len(named) - count :]]
    order = np.lexsort((named, first_seen_s[named]))[::-1]
    return named[order]
