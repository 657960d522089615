"""Vectors in their order, searched one by one: exact, and open to additions.

Notation of shapes: n rows, d the vectors' width, q queries, k results.
"""

import faiss
import numpy as np

from shared.faiss_search import every_row
from shared.ranking.arrays import Float32s
from shared.ranking.vectors.search import Found, Selection, search_each


class ExactRows:
    """Vectors [n, d]; a row's number is its place."""

    def __init__(self, vectors: Float32s) -> None:
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self.add(vectors)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def width(self) -> int:
        """The vectors' width."""
        return int(self._index.d)

    def add(self, vectors: Float32s) -> None:
        """Appends vectors [m, d]."""
        self._index.add(np.ascontiguousarray(vectors, np.float32))

    def overwrite(self, row: int, vector: Float32s) -> None:
        """Puts another vector [d] in a row's place."""
        held = faiss.rev_swig_ptr(self._index.get_xb(), len(self) * self.width)
        held.reshape(-1, self.width)[row] = vector

    def search(self, queries: Float32s, k: int, selection: Selection | None) -> Found:
        """The selected rows whose inner products with queries [q, d] are largest."""
        parameters = every_row() if selection is None else selection.parameters()
        return search_each(self._index, queries, k, parameters)
