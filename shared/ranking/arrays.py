"""Types of arrays, and columns that grow: a million rows cost their bytes and no objects."""

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

Scalar = TypeVar("Scalar", bound=np.generic, covariant=True)

_SMALLEST = 64
_GROWTH = 1.5


class Column(Generic[Scalar]):
    """An array [n] or [n, width] that grows at its end, where new rows hold `fill`.

    Memory that no row has touched yet is reserved but not used. While a column moves to a larger
    array both are held: `reserve` avoids that where the number of rows is known.
    """

    def __init__(self, kind: type[Scalar], fill: float | bool, width: int | None = None) -> None:
        self._fill = fill
        self._shape = () if width is None else (width,)
        self._array: npt.NDArray[Scalar] = np.empty((0, *self._shape), kind)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> npt.NDArray[Scalar]:
        """The rows [n] or [n, width], as a view that holds until the column grows."""
        return self._array[: self._count]

    def reserve(self, count: int) -> None:
        """Makes room for `count` rows in all."""
        if count > len(self._array):
            larger = np.empty((count, *self._shape), self._array.dtype)
            larger[: self._count] = self.rows
            self._array = larger

    def grow(self, count: int) -> None:
        """Adds rows until there are `count`."""
        if count > len(self._array):
            self.reserve(max(count, _SMALLEST, int(len(self._array) * _GROWTH)))
        if count > self._count:
            self._array[self._count : count] = self._fill
            self._count = count
