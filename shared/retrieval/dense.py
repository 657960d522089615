"""Exact inner-product search over vectors, by FAISS.

Notation of shapes: n vectors, d their width, k results.
"""

from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from shared.faiss_search import every_row

Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]


class Dense:
    """Vectors [n, d] that do not change; a row's number is its place."""

    def __init__(self, vectors: Float32s) -> None:
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors, np.float32))
        self._every_row = every_row()

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

    def search(self, query: Float32s, k: int) -> Int64s:
        """The rows whose inner product with `query` [d] is largest, the best first, at most k."""
        k = min(k, self._index.ntotal)
        if not k:
            return np.zeros(0, np.int64)
        _, rows = self._index.search(query[np.newaxis], k, params=self._every_row)
        found: Int64s = rows[0]
        return found

    def scores(self, query: Float32s, rows: Int64s) -> Float32s:
        """The inner products of `query` [d] with some rows."""
        return self.vectors[rows] @ query
