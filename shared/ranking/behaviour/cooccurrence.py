"""Which items go together: pairs of interactions that stand close together in one history.

A pair (earlier, later) counts the smaller of its two weights. Which pairs there are depends on the
finished history alone, so an interaction that comes late also parts the pairs that stand further
apart because of it. Two limits forget, and only beyond them does the order of arrival matter: a
history keeps its newest interactions, an item its strongest neighbours.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from shared.ranking.arrays import Column, Float32s, Float64s, Int64s
from shared.ranking.behaviour.history import History
from shared.ranking.saved_arrays import Arrays, joined, parts, prefixed, read_parts, split, under

_NOTHING = 1e-6


@dataclass(slots=True, eq=False)
class Neighbours:
    """Rows, rising, with a weight for each."""

    rows: "array[int]" = field(default_factory=lambda: array("i"))
    weights: "array[float]" = field(default_factory=lambda: array("f"))

    def add(self, row: int, weight: float, kept: int) -> None:
        """Adds to a row's weight; more than twice `kept` rows are cut to the strongest `kept`."""
        place = bisect_left(self.rows, row)
        if place < len(self.rows) and self.rows[place] == row:
            self.weights[place] += weight
            if self.weights[place] < _NOTHING:
                del self.rows[place], self.weights[place]
            return
        if weight <= 0.0:
            return
        self.rows.insert(place, row)
        self.weights.insert(place, weight)
        if len(self.rows) > 2 * kept:
            self._cut(kept)

    def _cut(self, kept: int) -> None:
        weights = np.array(self.weights, np.float32)
        strongest = np.sort(np.argsort(-weights, kind="stable")[:kept])
        rows = np.array(self.rows, np.int32)[strongest]
        self.rows = array("i", rows.tobytes())
        self.weights = array("f", weights[strongest].tobytes())


class Cooccurrence:
    """Neighbours of each item, those that came after it and those that came before it."""

    def __init__(self, distance: int, window_s: float, kept: int) -> None:
        self._distance = distance
        self._window_ms = window_s * 1000.0
        self._kept = kept
        self._after: dict[int, Neighbours] = {}
        self._before: dict[int, Neighbours] = {}
        self._support = Column(np.float64, 0.0)

    def grow(self, count: int) -> None:
        """Adds items without neighbours until there are `count`."""
        self._support.grow(count)

    def arrays(self) -> Arrays:
        """All of it, for `restore`; nothing may be counted meanwhile."""
        return {
            "support": self._support.rows.copy(),
            **prefixed("after", _arrays_of(self._after)),
            **prefixed("before", _arrays_of(self._before)),
        }

    def restore(self, arrays: Arrays) -> None:
        """Becomes what `arrays` was made of, by the same settings.

        Raises:
            ArtifactError: the arrays do not fit each other.
        """
        self._support.fill(arrays["support"])
        self._after = _restored(under("after", arrays))
        self._before = _restored(under("before", arrays))

    @property
    def support(self) -> Float64s:
        """The sum of the weights for each item [n], for each history in which they stand."""
        return self._support.rows

    def add(self, history: History, place: int) -> None:
        """Counts the interaction that was just inserted into a history at a place."""
        row, weight = history.rows[place], history.weights[place]
        if weight > 0.0:
            self._support.rows[row] += weight
        last = min(place + self._distance, len(history) - 1)
        for other in range(max(place - self._distance, 0), place):
            self._pair(history, other, place, 1.0)
        for other in range(place + 1, last + 1):
            self._pair(history, place, other, 1.0)
            # What stood `distance` apart before, around this place, does so no longer.
            apart = other - self._distance - 1
            if apart >= 0:
                self._pair(history, apart, other, -1.0)

    def after(self, rows: Iterable[int], factors: Iterable[float]) -> tuple[Int64s, Float32s]:
        """What came after some items: neighbours, with repetitions, and weight times factor."""
        return _gather(self._after, rows, factors)

    def before(self, rows: Iterable[int], factors: Iterable[float]) -> tuple[Int64s, Float32s]:
        """What came before some items, in the same shape."""
        return _gather(self._before, rows, factors)

    def around(self, rows: Sequence[int], factors: Sequence[float]) -> tuple[Int64s, Float32s]:
        """What came after or before some items, in the same shape."""
        after, weights_after = self.after(rows, factors)
        before, weights_before = self.before(rows, factors)
        return np.concatenate((after, before)), np.concatenate((weights_after, weights_before))

    def _pair(self, history: History, earlier: int, later: int, sign: float) -> None:
        one, other = history.rows[earlier], history.rows[later]
        weight = min(history.weights[earlier], history.weights[later])
        apart_ms = history.times_ms[later] - history.times_ms[earlier]
        if weight <= 0.0 or one == other or apart_ms > self._window_ms:
            return
        _neighbours(self._after, one).add(other, sign * weight, self._kept)
        _neighbours(self._before, other).add(one, sign * weight, self._kept)


def _neighbours(table: dict[int, Neighbours], row: int) -> Neighbours:
    neighbours = table.get(row)
    if neighbours is None:
        neighbours = table[row] = Neighbours()
    return neighbours


def _arrays_of(table: dict[int, Neighbours]) -> Arrays:
    neighbours = list(table.values())
    return {
        "of": np.fromiter(table, np.int64, len(table)),
        **parts("rows", [one.rows for one in neighbours]),
        "weights": joined([one.weights for one in neighbours]),
    }


def _restored(arrays: Arrays) -> dict[int, Neighbours]:
    weights = split(arrays["weights"], arrays["rows.lengths"], "f")
    columns = (arrays["of"].tolist(), read_parts("rows", arrays, "i"), weights)
    return {row: Neighbours(rows, of_rows) for row, rows, of_rows in zip(*columns, strict=True)}


def _gather(
    table: dict[int, Neighbours], rows: Iterable[int], factors: Iterable[float]
) -> tuple[Int64s, Float32s]:
    found_rows, found_weights = array("i"), array("f")
    counts, chosen = [], []
    for row, factor in zip(rows, factors, strict=True):
        neighbours = table.get(row)
        if neighbours is not None:
            found_rows.extend(neighbours.rows)
            found_weights.extend(neighbours.weights)
            counts.append(len(neighbours.rows))
            chosen.append(factor)
    weights = np.array(found_weights, np.float32) * np.repeat(
        np.array(chosen, np.float32), np.array(counts, np.int64)
    )
    return np.array(found_rows, np.int64), weights
