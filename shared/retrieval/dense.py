"""Exact inner-product search over vectors, by FAISS.

Notation of shapes: n vectors, d their width, k results.
"""

from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from shared.retrieval.rounded import Float64s, Rounded

Bools = npt.NDArray[np.bool_]
Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]

_FEW = 4096
"""Vectors up to which all are multiplied in full: that takes less than a millisecond."""


class Dense:
    """Vectors [n, d] that do not change; a row's number is its place."""

    def __init__(self, vectors: Float32s) -> None:
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors, np.float32))
        self._rounded = Rounded(self.vectors) if self._index.ntotal > _FEW else None

    @classmethod
    def read(cls, path: Path) -> "Dense":
        """Reads what `write` wrote; the caller has verified the file."""
        index = faiss.read_index(str(path))
        return cls(index.reconstruct_n(0, index.ntotal))

    def write(self, path: Path) -> None:
        """Writes the vectors in FAISS's format.

        Raises:
            OSError: the file cannot be written.
        """
        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:
            raise OSError(str(error)) from error

    @property
    def vectors(self) -> Float32s:
        """The vectors [n, d], as a view of FAISS's own memory."""
        count, width = self._index.ntotal, self._index.d
        if not count:
            return np.zeros((0, width), np.float32)
        view: Float32s = faiss.rev_swig_ptr(self._index.get_xb(), count * width)
        return view.reshape(count, width)

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        rounded = 0 if self._rounded is None else self._rounded.nbytes
        return self.vectors.nbytes + rounded

    def search(
        self, query: Float32s, k: int, alive: Bools | None = None
    ) -> tuple[Int64s, Float32s]:
        """The rows whose inner product with `query` [d] is largest, the best first, at most k, and
        these products.

        Only rows that live under a mask [n]; None: all.
        """
        rows = self._possible(query, k, alive)
        scores = self.scores(query, rows)
        best = np.lexsort((rows, -scores))[:k]
        return rows[best], scores[best]

    def scores(self, query: Float32s, rows: Int64s) -> Float32s:
        """The inner products of `query` [d] with some rows; the others do not change a row's."""
        # To copy more than half of them takes longer than to multiply all.
        most = 2 * len(rows) > self._index.ntotal
        products: Float32s = np.vecdot(self.vectors if most else self.vectors[rows], query)
        return products[rows] if most else products

    def _possible(self, query: Float32s, k: int, alive: Bools | None) -> Int64s:
        """Rows, in ascending order, among which the k best are."""
        living = self._index.ntotal if alive is None else np.count_nonzero(alive)
        if k >= living:
            return np.arange(living) if alive is None else np.flatnonzero(alive)
        products, error = self._products(query)
        if alive is not None:
            products[~alive] = -np.inf
        best = np.argpartition(products, -k)[-k:]
        # The k best of all score at least what the worst of these does.
        least = min(float(self.scores(query, best).min()) - error, products[best].min())
        return np.flatnonzero(products >= least)

    def _products(self, query: Float32s) -> tuple[Float32s | Float64s, float]:
        """The inner products with all rows, and how far off they are at most."""
        return (
            (self.vectors @ query, 0.0) if self._rounded is None else self._rounded.products(query)
        )
