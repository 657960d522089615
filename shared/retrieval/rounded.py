"""Products of a query with vectors that are rounded to 8 bits a number, and how far off they are.

A product with all vectors takes about as long as reading them does, so a quarter of the bytes takes
a third of the time. Since the error is bounded, the nearest vectors are surely among those whose
product is near enough to theirs: these few are then multiplied in full.

Notation of shapes: n vectors, d their width.
"""

import numpy as np
import numpy.typing as npt
import simsimd

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]

_LEVELS = 127
_CHUNK = 4096
_CACHE_LINE = 64
_ROUNDING = 1e-6
"""What float32 may lose in the arithmetic here, relative to the numbers it is done with."""


class Rounded:
    """Vectors [n, d] as x = middle + step * code + rest, with a middle and a step for each number.

    Codes are integers from -127 to 127. A query q is rounded likewise, step * q = unit * code +
    rest, so that integers are multiplied. By Cauchy and Schwarz, middle @ q + unit * (code of x) @
    (code of q) differs from x @ q by at most |rest of x| |q| + |code of x| |rest of q|.
    """

    def __init__(self, vectors: Float32s) -> None:
        low, high = vectors.min(axis=0), vectors.max(axis=0)
        tiny = np.finfo(np.float32).tiny
        self._middle = (low + high) / 2
        self._step = np.maximum((high - low) / (2 * _LEVELS), tiny)
        self._codes = _in_cache_lines(*vectors.shape)
        rest = norm = 0.0
        for first in range(0, len(vectors), _CHUNK):
            chunk = vectors[first : first + _CHUNK]
            code = np.clip(np.rint((chunk - self._middle) / self._step), -_LEVELS, _LEVELS)
            self._codes[first : first + _CHUNK] = code
            rest = max(rest, _largest_norm(chunk - (self._middle + self._step * code)))
            norm = max(norm, _largest_norm(code))
        self._rest = rest + _ROUNDING * _norm(np.maximum(np.abs(low), np.abs(high)))
        self._norm = norm

    @property
    def nbytes(self) -> int:
        """How much memory the codes take."""
        return self._codes.nbytes

    def products(self, query: Float32s) -> tuple[Float64s, float]:
        """About the inner products of `query` [d] with all vectors [n], and how far off they are
        at most.
        """
        scaled = query.astype(np.float64) * self._step
        unit = float(np.abs(scaled).max()) / _LEVELS or 1.0
        code = np.rint(scaled / unit)
        error = self._rest * _norm(query) + self._norm * _norm(scaled - unit * code)
        products = np.empty((1, len(self._codes)))
        simsimd.cdist(code.astype(np.int8)[np.newaxis], self._codes, "dot", out=products)
        products *= unit
        products += float(self._middle.astype(np.float64) @ query)
        return products[0], error


def _in_cache_lines(count: int, width: int) -> npt.NDArray[np.int8]:
    """Space for codes that begins with a cache line: to read it is about a tenth faster."""
    space = np.empty(count * width + _CACHE_LINE, np.int8)
    first = -space.ctypes.data % _CACHE_LINE
    return space[first : first + count * width].reshape(count, width)


def _largest_norm(rows: Float32s) -> float:
    return float(np.linalg.norm(rows, axis=1).max())


def _norm(vector: npt.NDArray[np.floating]) -> float:
    return float(np.linalg.norm(vector))
