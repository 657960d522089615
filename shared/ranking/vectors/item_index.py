"""The vector index of a catalogue: which position of the index is which item.

A catalogue has rows without vectors, and an index may be rebuilt beside it while it grows; so the
two count by themselves.
"""

import numpy as np

from shared.ranking.arrays import Bools, Column, Float32s, Int64s
from shared.ranking.vectors.index import VectorIndex, VectorSettings
from shared.ranking.vectors.search import NO_ROW


class ItemIndex:
    """Finds the rows of a catalogue whose vectors are nearest.

    Notation of shapes: q queries, d the width of vectors, k results, n rows of the catalogue.
    """

    def __init__(
        self, rows: Int64s, vectors: Float32s, settings: VectorSettings | None = None
    ) -> None:
        """An index of the unit vectors [m, d] of m rows, each of which is named once."""
        self._index = VectorIndex(vectors, settings)
        self._rows = Column(np.int64, NO_ROW)
        self._positions = Column(np.int64, NO_ROW)
        self._is_aligned = True
        self._append(rows)

    def __len__(self) -> int:
        """How many items have a place in the index."""
        return len(self._rows)

    @property
    def needs_rebuild(self) -> bool:
        """Whether so many rows came or changed since the build that searches suffer."""
        return self._index.needs_rebuild

    def put(self, rows: Int64s, vectors: Float32s) -> None:
        """Adds rows, each named once, or gives them other unit vectors [m, d].

        The next search finds them.
        """
        self._reach(rows)
        is_new = self._positions.rows[rows] == NO_ROW
        replaced = np.flatnonzero(~is_new)
        for place, position in zip(replaced, self._positions.rows[rows[replaced]], strict=True):
            self._index.replace(int(position), vectors[place])
        if is_new.any():
            self._index.add(vectors[is_new])
            self._append(rows[is_new])

    def search(
        self, queries: Float32s, k: int, allowed: Bools | None = None
    ) -> tuple[Int64s, Float32s]:
        """The rows [q, k] with the largest inner products with queries [q, d], and these.

        `allowed` [n] says which rows may be found. Where fewer are found the row is -1.
        """
        mask = None
        if allowed is not None:
            # Picking from a million rows by their numbers would cost more than the search.
            aligned = self._is_aligned
            mask = allowed[: len(self)] if aligned else allowed[self._rows.rows]
        positions, scores = self._index.search(queries, k, mask)
        if not len(self):
            return positions, scores
        return np.where(positions >= 0, self._rows.rows[positions], NO_ROW), scores

    def _append(self, rows: Int64s) -> None:
        first = len(self._rows)
        self._rows.grow(first + len(rows))
        self._rows.rows[first:] = rows
        places = np.arange(first, len(self._rows))
        self._reach(rows)
        self._positions.rows[rows] = places
        self._is_aligned = self._is_aligned and bool((rows == places).all())

    def _reach(self, rows: Int64s) -> None:
        self._positions.grow(max(len(self._positions), int(rows.max(initial=-1)) + 1))
