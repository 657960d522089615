"""Types of arrays, and columns that grow: a million rows cost their bytes and no objects."""

from collections.abc import Iterator
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
_FIRST_BLOCK = 1_024


class Column(Generic[Scalar]):
    """An array [n] or [n, width] that grows at its end, where new rows hold `fill`.

    Memory that no row has touched yet is reserved but not used. While a column moves to a larger
    array both are held, and whoever waits for it waits: wide rows are for `Blocks`.
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

    def fill(self, rows: npt.NDArray[np.generic]) -> None:
        """Makes these its rows, [n] or [n, width], in its own type."""
        self._count = 0
        self.grow(len(rows))
        self.rows[:] = rows

    def grow(self, count: int) -> None:
        """Adds rows until there are `count`."""
        if count > len(self._array):
            room = max(count, _SMALLEST, int(len(self._array) * _GROWTH))
            larger = np.empty((room, *self._shape), self._array.dtype)
            larger[: self._count] = self.rows
            self._array = larger
        if count > self._count:
            self._array[self._count : count] = self._fill
            self._count = count


class Blocks:
    """Wide rows [n, width], zeros at first, which never move while they grow.

    Each block has as many rows as all before it, so few of them hold many rows. There is no array
    of all rows: they are read and written by their numbers [m], as copies.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._blocks: list[Float32s] = []
        self._starts = np.zeros(0, np.int64)
        self._room = 0

    def grow(self, count: int) -> None:
        """Adds rows until there are at least `count`."""
        while self._room < count:
            rows = max(self._room, _FIRST_BLOCK)
            # Zeros that nobody has touched yet take no memory, and no time.
            self._blocks.append(np.zeros((rows, self._width), np.float32))
            self._starts = np.append(self._starts, self._room)
            self._room += rows

    def __getitem__(self, rows: Int64s) -> Float32s:
        found = np.empty((len(rows), self._width), np.float32)
        for block, chosen, places in self._parts(rows):
            found[chosen] = block[places]
        return found

    def __setitem__(self, rows: Int64s, values: Float32s) -> None:
        for block, chosen, places in self._parts(rows):
            block[places] = values[chosen]

    def _parts(self, rows: Int64s) -> Iterator[tuple[Float32s, Bools, Int64s]]:
        """Each block that has some of the rows, which of them, and their places in it."""
        numbers = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(numbers).tolist():
            chosen = numbers == number
            yield self._blocks[number], chosen, rows[chosen] - self._starts[number]
