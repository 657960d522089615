"""A vector index: what was built, and beside it what came or changed since.

    built   does not change: exact below `exact_below` rows, in lists from there on
    fresh   rows that were added or replaced since, searched exactly

So an addition is found by the next search, at once, and no search waits for a build. Fresh rows
cost time in each search; from some number on a new index should be built and swapped in.

Notation of shapes: n rows, d the vectors' width, q queries, k results.
"""

import threading

import numpy as np
from pydantic import Field

from shared.config import Settings
from shared.errors import InputError
from shared.ranking.arrays import Bools, Column, Float32s, Int64s
from shared.ranking.vectors.exact_rows import ExactRows
from shared.ranking.vectors.inverted_rows import InvertedRows, ListSettings
from shared.ranking.vectors.search import NO_ROW, Found, Selection


class VectorSettings(Settings):
    """When an index is exact, and when it should be rebuilt.

    - `exact_below`: with fewer rows each search compares all of them.
    - `fresh_at_most`: an index in lists with more fresh rows asks to be rebuilt.
    """

    exact_below: int = Field(50_000, ge=1)
    fresh_at_most: int = Field(10_000, ge=1)
    lists: ListSettings = ListSettings()


class VectorIndex:
    """Rows by inner product with their vectors, which are of unit length.

    A row whose vector is zeros has none: it is never found. Every method may be called from
    several threads; each search computes on the thread that called it, and on no other.
    """

    def __init__(self, vectors: Float32s, settings: VectorSettings | None = None) -> None:
        """An index of vectors [n, d], whose row numbers are their places.

        With a million of 384 dimensions it takes about half a minute of one processor.

        Raises:
            InputError: a vector has a number that is not finite.
        """
        self._settings = settings or VectorSettings()
        vectors = np.ascontiguousarray(vectors, np.float32)
        self._in_built = _held(vectors)
        self.built: ExactRows | InvertedRows
        if np.count_nonzero(self._in_built) < self._settings.exact_below:
            self.built = ExactRows(vectors)
        else:
            self.built = InvertedRows(vectors, self._in_built, self._settings.lists)
        self._standing: Selection | None = None
        self._fresh = ExactRows(vectors[:0])
        self._fresh_rows = Column(np.int64, NO_ROW)
        self._in_fresh = Column(np.bool_, False)
        self._count = len(vectors)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._count

    @property
    def width(self) -> int:
        """The vectors' width."""
        return self._fresh.width

    @property
    def needs_rebuild(self) -> bool:
        """Whether so many rows are fresh that searches suffer."""
        grown = self._count >= self._settings.exact_below
        return grown and len(self._fresh) > self._settings.fresh_at_most

    def add(self, vectors: Float32s) -> None:
        """Appends vectors [m, d]; their rows follow the last one, and searches find them at once.

        Raises:
            InputError: they have another width, or a number that is not finite.
        """
        held = _held(self._checked(vectors))
        with self._lock:
            rows = np.arange(self._count, self._count + len(vectors), dtype=np.int64)
            self._fresh.add(vectors)
            self._note_fresh(rows, held)
            self._count += len(vectors)

    def replace(self, row: int, vector: Float32s) -> None:
        """Gives a row another vector [d], by which searches find it at once.

        Raises:
            InputError: there is no such row, or the vector has another width or is not finite.
        """
        held = _held(self._checked(vector[np.newaxis]))
        with self._lock:
            if not 0 <= row < self._count:
                raise InputError(f"row {row} of {self._count}: add it before you replace it")
            places = np.flatnonzero(self._fresh_rows.rows == row)
            if len(places):
                self._fresh.overwrite(int(places[0]), vector)
                self._in_fresh.rows[places] = held
                return
            self._fresh.add(vector[np.newaxis])
            self._note_fresh(np.array([row], np.int64), held)
            if row < len(self._in_built):
                self._in_built[row] = False
                self._standing = None

    def search(
        self, queries: Float32s, k: int, allowed: Bools | None = None
    ) -> tuple[Int64s, Float32s]:
        """The rows [q, k] whose inner products with queries [q, d] are largest, and these [q, k].

        The best come first. `allowed` [n] says which rows may be found, before the cut to k. Where
        there are fewer the rest is `NO_ROW` with a score of -inf.

        Raises:
            InputError: the queries have another width, or `allowed` another length.
        """
        queries = self._checked(queries)
        with self._lock:
            if allowed is not None and len(allowed) != self._count:
                raise InputError(
                    f"{len(allowed)} rows are allowed or not, the index has {self._count}: "
                    "give one for each"
                )
            selection = self._selection(allowed)
            fresh = self._search_fresh(queries, k, allowed)
        found = self.built.search(queries, k, selection)
        if fresh is not None:
            found = found.merged(fresh)
        return found.rows, found.scores

    def _selection(self, allowed: Bools | None) -> Selection | None:
        """Of the built rows those that may be found; None for all."""
        if allowed is not None:
            return Selection.of(allowed[: len(self._in_built)] & self._in_built)
        if self._standing is None:
            # A copy: the search goes on after the lock, while rows may be replaced.
            self._standing = Selection.of(self._in_built.copy())
        return None if self._standing.count == len(self.built) else self._standing

    def _search_fresh(self, queries: Float32s, k: int, allowed: Bools | None) -> Found | None:
        rows, mask = self._fresh_rows.rows, self._in_fresh.rows
        if not len(rows):
            return None
        if allowed is not None:
            mask = mask & allowed[rows]
        found = self._fresh.search(queries, k, None if mask.all() else Selection.of(mask))
        missing = found.rows == NO_ROW
        return Found(np.where(missing, NO_ROW, rows[found.rows]), found.scores)

    def _note_fresh(self, rows: Int64s, held: Bools) -> None:
        first = len(self._fresh_rows)
        self._fresh_rows.grow(first + len(rows))
        self._in_fresh.grow(first + len(rows))
        self._fresh_rows.rows[first:] = rows
        self._in_fresh.rows[first:] = held

    def _checked(self, vectors: Float32s) -> Float32s:
        if vectors.ndim != 2 or vectors.shape[1] != self.width:
            raise InputError(
                f"vectors of shape {vectors.shape} for an index of width {self.width}: "
                "use the bundle that the index was made with"
            )
        return np.ascontiguousarray(vectors, np.float32)


def _held(vectors: Float32s) -> Bools:
    """Which vectors [n, d] are not zeros."""
    squares = np.einsum("nd,nd->n", vectors, vectors)
    if not np.isfinite(squares).all():
        row = int(np.flatnonzero(~np.isfinite(squares))[0])
        raise InputError(f"vector {row} of {len(vectors)} is not finite: embed its text again")
    held: Bools = squares > 0
    return held
