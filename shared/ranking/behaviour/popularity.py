"""Popularity with decay that does not depend on the order of events.

An interaction of weight w at time t counts w * 2^((t - T) / half_life) at time T. All counts decay
alike, so what is stored of an item needs no own time: the logarithm of the sum of
w * 2^(t / half_life), as if it had decayed until Unix time 0. It only ever rises, and its order
among items is that of their popularity at every moment; so the most popular items are kept without
a search.
"""

import math
from collections.abc import Sequence

import numpy as np

from shared.ranking.arrays import Bools, Column, Float64s, Int64s
from shared.ranking.saved_arrays import Arrays

_PRIOR_COUNT = 5.0


class Popularity:
    """Decayed counts for each item by h half-lives, and the items that lead by the first."""

    def __init__(self, half_lives_s: Sequence[float], kept: int) -> None:
        self._half_lives_s = np.array(half_lives_s, np.float64)
        self._inverse = [1.0 / half_life for half_life in half_lives_s]
        self._log2_sums = Column(np.float64, -np.inf, len(half_lives_s))
        self._weights = Column(np.float64, 0.0)
        self._counts = Column(np.float64, 0.0)
        self._all_weight = 0.0
        self._all_count = 0
        self._kept = kept
        self._leaders: dict[int, float] = {}
        self._least = -math.inf

    def grow(self, count: int) -> None:
        """Adds items without interactions until there are `count`."""
        for column in (self._log2_sums, self._weights, self._counts):
            column.grow(count)

    def arrays(self) -> Arrays:
        """All of it, for `restore`; nothing may be counted meanwhile."""
        return {
            "log2_sums": self._log2_sums.rows.copy(),
            "weights": self._weights.rows.copy(),
            "counts": self._counts.rows.copy(),
            "all": np.array([self._all_weight, self._all_count, self._least], np.float64),
            "leaders": np.fromiter(self._leaders, np.int64, len(self._leaders)),
            "leaders_sums": np.fromiter(self._leaders.values(), np.float64, len(self._leaders)),
        }

    def restore(self, arrays: Arrays) -> None:
        """Becomes what `arrays` was made of, by the same settings."""
        self._log2_sums.fill(arrays["log2_sums"])
        self._weights.fill(arrays["weights"])
        self._counts.fill(arrays["counts"])
        all_weight, all_count, self._least = arrays["all"].tolist()
        self._all_weight, self._all_count = all_weight, int(all_count)
        sums = arrays["leaders_sums"].tolist()
        self._leaders = dict(zip(arrays["leaders"].tolist(), sums, strict=True))

    def add(self, row: int, weight: float, time_s: float) -> None:
        """Counts an interaction; only a positive one makes it more popular."""
        self._weights.rows[row] += weight
        self._counts.rows[row] += 1.0
        self._all_weight += weight
        self._all_count += 1
        if weight <= 0.0:
            return
        log2_weight = math.log2(weight)
        sums = self._log2_sums.rows[row]
        for place, inverse in enumerate(self._inverse):
            sums[place] = _log2_add(float(sums[place]), log2_weight + time_s * inverse)
        self._lead(row, float(sums[0]))

    def at(self, time_s: float, rows: Int64s) -> Float64s:
        """The counts of n items [n, h] as they have decayed at a time.

        At a time before an item's interactions they are larger than they ever were.
        """
        exponents = self._log2_sums.rows[rows] - time_s / self._half_lives_s
        return np.exp2(np.minimum(exponents, 60.0))

    def approval(self, rows: Int64s) -> Float64s:
        """The mean weight of each item's interactions [n], drawn to that of all items' while few.

        It tells an item that many people rated badly from one that few people know.
        """
        mean = self._all_weight / max(self._all_count, 1)
        weights = self._weights.rows[rows] + _PRIOR_COUNT * mean
        return weights / (self._counts.rows[rows] + _PRIOR_COUNT)

    def is_counted(self, rows: Int64s) -> Bools:
        """Which of n items [n] have any positive interaction."""
        counted: Bools = np.isfinite(self._log2_sums.rows[rows, 0])
        return counted

    def order(self, rows: Int64s, half_life: int = 0) -> Int64s:
        """Places in `rows` from the most popular on by one of the half-lives, named by its place.

        Of equal ones the earlier row comes first.
        """
        return np.argsort(-self._log2_sums.rows[rows, half_life], kind="stable")

    def leaders(self) -> Int64s:
        """The rows of the most popular items, the most popular first; only those with a count."""
        rows = np.array(sorted(self._leaders), np.int64)
        return rows[self.order(rows)][: self._kept] if len(rows) else rows

    def _lead(self, row: int, log2_sum: float) -> None:
        if row not in self._leaders and log2_sum <= self._least:
            return
        self._leaders[row] = log2_sum
        # Sums only rise, so whoever fell out comes back by its own interactions alone.
        if len(self._leaders) > 2 * self._kept:
            ranked = sorted(self._leaders.items(), key=lambda pair: (-pair[1], pair[0]))
            self._leaders = dict(ranked[: self._kept])
            self._least = ranked[self._kept - 1][1]


def _log2_add(one: float, other: float) -> float:
    """log2(2^one + 2^other)."""
    larger, smaller = (one, other) if one > other else (other, one)
    return larger + math.log2(1.0 + 2.0 ** (smaller - larger))
