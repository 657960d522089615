"""Rows parted into train, dev and test: by a field, by time, or by a hash of their text."""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time

import numpy as np
import numpy.typing as npt

from shared.errors import InputError
from shared.training.data.near_duplicates import normalised
from shared.training.data.reading import Row, RowError, label_cell, text_cell, value_of
from shared.training.data.settings import FieldSplit, SetPart, Split, TimeSplit

Float64s = npt.NDArray[np.float64]

_HASH_RANGE = 1 << 64


Key = float | SetPart
"""What decides a row's part: the part itself, a time in seconds, or a place in [0, 1)."""


def key_reader(split: Split, text: str) -> Callable[[Row], Key]:
    """What reads the key of a row; it raises `RowError` where there is none.

    `text` is the column that is hashed where the split names none.
    """
    if isinstance(split, FieldSplit):
        values_of = {SetPart.TRAIN: split.train, **split.parts()}
        parts = {value: part for part, values in values_of.items() for value in values}
        return lambda row: _named_part(row, split.column, parts)
    if isinstance(split, TimeSplit):
        return lambda row: _time_s(row, split.column)
    return lambda row: hash_place(_hashed(row, split.column or text))


def parts_of_keys(split: Split, keys: Sequence[Key]) -> list[SetPart]:
    """The part of each row by its key.

    Raises:
        InputError: train or dev would be empty; of four parts, only train must not be.
    """
    if isinstance(split, FieldSplit):
        parts = [key for key in keys if isinstance(key, SetPart)]
    else:
        places, shares = np.array(keys, dtype=np.float64), split.parts()
        # From which place on each part begins; the first of them follows train.
        bounds = 1 - np.cumsum(list(shares.values())[::-1])[::-1]
        if isinstance(split, TimeSplit):
            bounds = _moments(places, bounds)
        axis = [SetPart.TRAIN, *shares]
        parts = [axis[step] for step in np.searchsorted(bounds, places, side="right")]
    for part in (SetPart.TRAIN, SetPart.DEV):
        if part not in parts and (part is SetPart.TRAIN or part in split.parts()):
            raise InputError(
                f"data.split by {split.by}: of {len(parts):,} rows none is in {part}: give more "
                "rows, or change the split"
            )
    return parts


def hash_place(text: str) -> float:
    """A text's place in [0, 1), the same for ever, whatever its case, punctuation and space."""
    digest = hashlib.sha256((normalised(text) or text).encode()).digest()
    # Of 64 bits a float keeps 53: rounding up would give 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / (_HASH_RANGE >> 11)


def _moments(times: Float64s, shares: Float64s) -> Float64s:
    """The times before which these shares of all lie; rows of one moment stay together."""
    ordered = np.append(np.sort(times), np.inf)
    return ordered[np.round(shares * len(times)).astype(np.int64)]


def _hashed(row: Row, column: str) -> str:
    """A cell's text, or that of its tokens."""
    value = value_of(row, column)
    if not isinstance(value, list):
        return text_cell(row, column)
    return " ".join(text_cell({column: token}, column) for token in value)


def _named_part(row: Row, column: str, parts: dict[str, SetPart]) -> SetPart:
    value = label_cell(row, column)
    if value not in parts:
        raise RowError(f"{column!r} is {value!r}: expected one of {', '.join(parts)}")
    return parts[value]


def _time_s(row: Row, column: str) -> float:
    """A cell's time in seconds since 1970: ISO 8601, a number, or Parquet's date or time."""
    value = value_of(row, column)
    if isinstance(value, str):
        value = _time_of(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
        return float(value)
    raise RowError(
        f"{column!r} is {str(value_of(row, column))[:40]!r}: expected ISO 8601 or seconds "
        "since 1970"
    )


def _time_of(text: str) -> datetime | float | None:
    for read in (float, datetime.fromisoformat) if len(text) > 8 else (datetime.fromisoformat,):
        with contextlib.suppress(ValueError):
            return read(text)
    return None
