"""Sums of what belongs to each of some rows."""

import numpy as np

from shared.ranking.arrays import Float32s, Float64s, Int64s


class RowSums:
    """Adds up weights of rows that are found with repetitions, for n rows in any order."""

    def __init__(self, rows: Int64s) -> None:
        self._sorted, self._place = np.unique(rows, return_inverse=True)

    def of(self, rows: Int64s, weights: Float32s) -> Float64s:
        """The sum for each of the n rows [n]; what was found besides them is left out."""
        if not len(self._sorted) or not len(rows):
            return np.zeros(len(self._place))
        places = np.searchsorted(self._sorted, rows)
        places[places == len(self._sorted)] = 0
        hit = self._sorted[places] == rows
        found = np.asarray(weights[hit], np.float64)
        sums: Float64s = np.bincount(places[hit], found, len(self._sorted)).astype(np.float64)
        return sums[self._place]


def strongest(rows: Int64s, weights: Float32s | Float64s) -> Int64s:
    """The rows, each once, by the sum of their weights, the largest first."""
    each, place = np.unique(rows, return_inverse=True)
    sums = np.bincount(place, np.asarray(weights, np.float64), minlength=len(each))
    return each[np.argsort(-sums, kind="stable")]
