"""What may be ranked at all."""

from dataclasses import dataclass

import numpy as np

from shared.ranking.arrays import Bools, Int64s
from shared.ranking.query import Query
from shared.ranking.state import RankingState

_FEW = 1_000
"""So many more are searched for where that many were seen; beyond it each row is tested."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Only items of a category, only what this user or session never met, only what there is."""

    category: str | None = None
    exclude_seen: bool = True
    only_available: bool = True


class Allowed:
    """Which rows of a catalogue pass the filters of one query.

    `mask` [n] is None where everything passes but for a few `seen` rows, so that a search of a
    large index need not test each row.
    """

    def __init__(self, query: Query, state: RankingState, filters: Filters) -> None:
        catalogue = state.catalogue
        self._count = len(catalogue)
        self.seen: Int64s = np.zeros(0, np.int64)
        if filters.exclude_seen:
            self.seen = state.behaviour.met(query)
        self.in_category: Int64s | None = None
        self.mask: Bools | None = None
        if filters.category is not None:
            self.in_category = catalogue.rows_in_category(filters.category)
            self.mask = np.zeros(self._count, np.bool_)
            self.mask[self.in_category] = True
        if filters.only_available and catalogue.unavailable_count:
            available = catalogue.available
            self.mask = available.copy() if self.mask is None else self.mask & available
        if self.mask is None and len(self.seen) > _FEW:
            self.mask = np.ones(self._count, np.bool_)
        if self.mask is not None:
            self.mask[self.seen] = False

    def among(self, rows: Int64s) -> Int64s:
        """Those of some rows that pass, in their order; places without a row (-1) do not."""
        rows = rows[rows >= 0]
        if self.mask is not None:
            return rows[self.mask[rows]]
        return rows[~np.isin(rows, self.seen)]

    def last(self, count: int) -> Int64s:
        """The rows that came last of those that pass, at most `count`, rising."""
        if self.mask is not None:
            return np.flatnonzero(self.mask)[-count:]
        first = max(self._count - count - len(self.seen), 0)
        return self.among(np.arange(first, self._count))[-count:]
