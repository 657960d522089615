"""The items of one tenant as columns: a row for each item, in the order in which they came.

An item is known from the first event that names it, even an interaction; each of its fields is as
the newest item event that names it tells it, whichever came last. So rows depend on the order of
events, and nothing else does.
"""

from array import array
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np

from shared.errors import InputError
from shared.ranking.arrays import Blocks, Bools, Column, Float32s, Float64s, Int32s, Int64s
from shared.ranking.events import FieldValue, ItemEvent, strings
from shared.ranking.newest import Newest
from shared.ranking.saved_arrays import Arrays, read_texts, texts

MAX_CATEGORIES = 8
"""Of an item with more categories the first ones are used."""

_TOLD = ("title", "price", "available", "category")
"""The fields that the catalogue reads, in the order of their columns of ages."""

_DEAREST = 1e15


def tie_breaker(event_id: str) -> int:
    """Decides between events of one millisecond in the same way in whatever order they come."""
    return int.from_bytes(
        blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=7).digest()
    )


class Catalogue:
    """Items by row; `vectors` are of unit length [n, d], zeros where an item has none."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.ids: list[str] = []
        self.titles: list[str] = []
        self.categories: list[str] = []
        self.unavailable_count = 0
        self._rows: dict[str, int] = {}
        self._codes: dict[str, int] = {}
        self._newest = Newest()
        self._rows_by_category: list[array[int]] = []
        self.vectors = Blocks(width)
        self._has_vector = Column(np.bool_, False)
        self._category_codes = Column(np.int32, -1, MAX_CATEGORIES)
        self._price = Column(np.float32, np.nan)
        self._first_seen_s = Column(np.float64, np.inf)
        self._available = Column(np.bool_, True)
        self._told_ms = Column(np.int64, np.iinfo(np.int64).min, len(_TOLD))
        self._told_tie = Column(np.int64, -1, len(_TOLD))
        self._saved: dict[str, Column[np.generic]] = {
            "category_codes": self._category_codes,
            "price": self._price,
            "first_seen_s": self._first_seen_s,
            "available": self._available,
            "told_ms": self._told_ms,
            "told_tie": self._told_tie,
        }
        self._columns = (self._has_vector, *self._saved.values())

    def __len__(self) -> int:
        return len(self.ids)

    def arrays(self) -> Arrays:
        """All but the vectors, for `restore`; vectors may be set meanwhile, events not."""
        # An item that gets its vector before its first event is there, but not yet in all columns.
        count = min(len(self.ids), len(self.titles), *map(len, self._columns))
        columns = {name: one.rows[:count].copy() for name, one in self._saved.items()}
        return {
            **columns,
            **texts("ids", self.ids[:count]),
            **texts("titles", self.titles[:count]),
            **texts("categories", self.categories),
        }

    def restore(self, arrays: Arrays) -> None:
        """Becomes what `arrays` was made of, without vectors.

        Raises:
            ArtifactError: the arrays do not fit each other.
        """
        self.ids, self.titles = read_texts("ids", arrays), read_texts("titles", arrays)
        self.categories = read_texts("categories", arrays)
        self._rows = {item: row for row, item in enumerate(self.ids)}
        self._codes = {name: code for code, name in enumerate(self.categories)}
        self._newest = Newest()
        for name, column in self._saved.items():
            column.fill(arrays[name])
        self.vectors.grow(len(self.ids))
        self._has_vector.grow(len(self.ids))
        self.unavailable_count = int(np.count_nonzero(~self.available))
        rows, places = np.nonzero(self.category_codes >= 0)
        codes = self.category_codes[rows, places]
        self._rows_by_category = [array("i") for _ in self.categories]
        for row, code in zip(rows.tolist(), codes.tolist(), strict=True):
            self._rows_by_category[code].append(row)

    @property
    def has_vector(self) -> Bools:
        """Which items have a vector [n]."""
        return self._has_vector.rows

    @property
    def category_codes(self) -> Int32s:
        """Each item's categories [n, MAX_CATEGORIES] as places in `categories`, then -1."""
        return self._category_codes.rows

    @property
    def price(self) -> Float32s:
        """Prices [n], NaN where none is known."""
        return self._price.rows

    @property
    def first_seen_s(self) -> Float64s:
        """When the first event named each item [n], in Unix seconds; infinite before any did."""
        return self._first_seen_s.rows

    @property
    def available(self) -> Bools:
        """Which items can be had [n]."""
        return self._available.rows

    def row_of(self, item: str) -> int | None:
        """The row of an item, or None if no event has named it."""
        return self._rows.get(item)

    def rows_of(self, items: Iterable[str]) -> Int64s:
        """The rows of those items that are known, in their order."""
        found = [row for row in map(self._rows.get, items) if row is not None]
        return np.array(found, np.int64)

    def category_code(self, category: str) -> int | None:
        """The place of a category in `categories`, or None if no item has had it."""
        return self._codes.get(category)

    def rows_in_category(self, category: str) -> Int64s:
        """The rows of the items that have a category, rising."""
        code = self._codes.get(category)
        if code is None:
            return np.zeros(0, np.int64)
        rows: Int64s = np.unique(np.array(self._rows_by_category[code], np.int64))
        held: Bools = (self.category_codes[rows] == code).any(axis=1)
        return rows[held]

    def newest(self, count: int) -> Int64s:
        """The rows of the items that were first seen last, the newest first."""
        return self._newest.rows(self.first_seen_s, count)

    def see(self, item: str, time_s: float) -> int:
        """The row of an item that an event of `time_s` names; it is known from now on."""
        row = self._ensure(item)
        if time_s < self._first_seen_s.rows[row]:
            self._first_seen_s.rows[row] = time_s
        return row

    def put(self, event: ItemEvent) -> int:
        """Takes those of an item's fields that no newer event has told; returns its row."""
        row = self.see(event.item, event.timestamp_ms / 1000.0)
        age = (event.timestamp_ms, tie_breaker(event.id))
        times_ms, ties = self._told_ms.rows[row], self._told_tie.rows[row]
        for place, name in enumerate(_TOLD):
            if name in event.fields and age >= (int(times_ms[place]), int(ties[place])):
                times_ms[place], ties[place] = age
                self._put_field(row, name, event.fields[name])
        return row

    def set_vectors(self, items: Sequence[str], vectors: Float32s) -> Int64s:
        """Sets unit vectors [n, d] of n items, which are known from now on; returns their rows.

        Raises:
            InputError: the vectors have another width or number.
        """
        if vectors.shape != (len(items), self.width):
            raise InputError(
                f"vectors of shape {vectors.shape} for {len(items)} items of width {self.width}: "
                "embed them with the bundle that this state was made for"
            )
        rows = np.array([self._ensure(item) for item in items], np.int64)
        self.vectors[rows] = vectors
        self._has_vector.rows[rows] = True
        return rows

    def _ensure(self, item: str) -> int:
        row = self._rows.get(item)
        if row is None:
            row = self._rows[item] = len(self.ids)
            self.ids.append(item)
            self.titles.append("")
            self.vectors.grow(row + 1)
            for column in self._columns:
                column.grow(row + 1)
        return row

    def _put_field(self, row: int, name: str, value: FieldValue | None) -> None:
        match name:
            case "title":
                self.titles[row] = " ".join(strings(value))
            case "price":
                self._price.rows[row] = _price(value)
            case "available":
                available = value is not False
                self.unavailable_count += int(self._available.rows[row]) - int(available)
                self._available.rows[row] = available
            case "category":
                self._put_categories(row, strings(value))

    def _put_categories(self, row: int, names: Sequence[str]) -> None:
        codes = list(dict.fromkeys(map(self._code, names)))[:MAX_CATEGORIES]
        held = set(self._category_codes.rows[row].tolist())
        for code in codes:
            if code not in held:
                self._rows_by_category[code].append(row)
        self._category_codes.rows[row] = codes + [-1] * (MAX_CATEGORIES - len(codes))

    def _code(self, category: str) -> int:
        code = self._codes.get(category)
        if code is None:
            code = self._codes[category] = len(self.categories)
            self.categories.append(category)
            self._rows_by_category.append(array("i"))
        return code


def _price(value: FieldValue | None) -> float:
    """A price as a number; NaN if it is none, not above 0, or more than anything costs."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    return float(value) if 0 < value <= _DEAREST else float("nan")
