"""A search of one FAISS index: which rows it may find, and what it found.

Notation of shapes: n rows, q queries, d the vectors' width, k results.
"""

from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

from shared.ranking.arrays import Bools, Float32s, Int64s

NO_ROW = -1
"""Stands in results where there are fewer than k rows; its score is -inf."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows by a mask [n]: the same as bits, the lowest of a byte first, and their number."""

    mask: Bools
    bits: npt.NDArray[np.uint8]
    count: int

    @classmethod
    def of(cls, mask: Bools) -> "Selection":
        """The rows at which `mask` [n] is true."""
        return cls(mask, np.packbits(mask, bitorder="little"), int(np.count_nonzero(mask)))

    def parameters(self) -> faiss.SearchParameters:
        """Parameters of a search that compares the selected rows alone; a row past n is none."""
        parameters = faiss.SearchParameters()
        parameters.sel = self.selector()
        return parameters

    def selector(self) -> faiss.IDSelectorBitmap:
        """The bits as FAISS's selector."""
        # This form keeps the array alive; the stub knows the other one alone, which does not.
        return faiss.IDSelectorBitmap(self.bits)  # type: ignore[call-arg, arg-type]


@dataclass(frozen=True, slots=True)
class Found:
    """Rows [q, k] and their scores [q, k], the best first."""

    rows: Int64s
    scores: Float32s

    @classmethod
    def nothing(cls, queries: int, k: int) -> "Found":
        """No row for any query."""
        return cls(
            np.full((queries, k), NO_ROW, np.int64), np.full((queries, k), -np.inf, np.float32)
        )

    def merged(self, other: "Found") -> "Found":
        """The k best of both; of equals those of the first."""
        rows = np.concatenate([self.rows, other.rows], axis=1)
        scores = np.concatenate([self.scores, other.scores], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.rows.shape[1]]
        return Found(np.take_along_axis(rows, best, 1), np.take_along_axis(scores, best, 1))


def search_each(
    index: faiss.Index, queries: Float32s, k: int, parameters: faiss.SearchParameters
) -> Found:
    """Searches an index for queries [q, d], one after another.

    FAISS would give each of several queries an own thread.
    """
    found = Found.nothing(len(queries), k)
    if k and index.ntotal:
        for number in range(len(queries)):
            query = queries[number : number + 1]
            found.scores[number], found.rows[number] = index.search(query, k, params=parameters)
    found.scores[found.rows == NO_ROW] = -np.inf
    return found
