"""What one user or one session did, in the order of time whatever order it came in."""

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from shared.ranking.arrays import Bools, Float32s, Float64s, Int64s


@dataclass(frozen=True, slots=True)
class Past:
    """A history as arrays [h], the newest last: rows, times, weights and codes of types."""

    rows: Int64s
    times_s: Float64s
    weights: Float32s
    types: Int64s

    def __len__(self) -> int:
        return len(self.rows)

    def newest(self, count: int) -> "Past":
        """The last `count` of it."""
        return self.only(slice(max(len(self) - count, 0), None))

    def liked(self) -> "Past":
        """The positive interactions."""
        return self.only(self.weights > 0.0)

    def only(self, chosen: slice | Bools | Int64s) -> "Past":
        """A part of it."""
        return Past(
            self.rows[chosen], self.times_s[chosen], self.weights[chosen], self.types[chosen]
        )


@dataclass(slots=True, eq=False)
class History:
    """Interactions ordered by (time, key), of which the newest stay; read its columns by place.

    A key names an interaction and decides between those of one millisecond. Of older ones only
    their items are known, four bytes for each.
    """

    rows: "array[int]" = field(default_factory=lambda: array("i"))
    times_ms: "array[int]" = field(default_factory=lambda: array("q"))
    keys: "array[int]" = field(default_factory=lambda: array("q"))
    weights: "array[float]" = field(default_factory=lambda: array("f"))
    types: "array[int]" = field(default_factory=lambda: array("h"))
    forgotten: "array[int]" = field(default_factory=lambda: array("i"))

    def __len__(self) -> int:
        return len(self.rows)

    def insert(
        self, time_ms: int, key: int, row: int, weight: float, kind: int, length: int
    ) -> int | None:
        """Inserts an interaction; its place, or None where it is older than all that is kept."""
        place = bisect_left(self.times_ms, time_ms)
        while place < len(self) and self.times_ms[place] == time_ms and self.keys[place] < key:
            place += 1
        if place == 0 and len(self) >= length:
            self._forget(row)
            return None
        self.times_ms.insert(place, time_ms)
        self.keys.insert(place, key)
        self.rows.insert(place, row)
        self.weights.insert(place, weight)
        self.types.insert(place, kind)
        if len(self) > length:
            self._forget(self.rows[0])
            for column in (self.times_ms, self.keys, self.rows, self.weights, self.types):
                del column[0]
            place -= 1
        return place

    def past(self) -> Past:
        """All of it."""
        return Past(
            np.array(self.rows, np.int64),
            np.array(self.times_ms, np.float64) / 1000.0,
            np.array(self.weights, np.float32),
            np.array(self.types, np.int64),
        )

    def met(self) -> Int64s:
        """The rows of all items that ever stood in it, rising, each once."""
        return np.unique(np.array(self.rows + self.forgotten, np.int64))

    def merged(self, other: "History") -> Past:
        """Both histories as one; an interaction that stands in both counts once."""
        mine, theirs = self.past(), other.past()
        keys = np.array(self.keys + other.keys, np.int64)
        times_ms = np.array(self.times_ms + other.times_ms, np.int64)
        _, first = np.unique(keys, return_index=True)
        chosen = first[np.lexsort((keys[first], times_ms[first]))]
        both = Past(
            np.concatenate((mine.rows, theirs.rows)),
            np.concatenate((mine.times_s, theirs.times_s)),
            np.concatenate((mine.weights, theirs.weights)),
            np.concatenate((mine.types, theirs.types)),
        )
        return both.only(chosen)

    def _forget(self, row: int) -> None:
        """Keeps that an item was met, of an interaction that is not kept."""
        place = bisect_left(self.forgotten, row)
        if place == len(self.forgotten) or self.forgotten[place] != row:
            self.forgotten.insert(place, row)
