"""What a file gives, row by row, and the limits that every row keeps."""

import csv
from dataclasses import dataclass
from typing import NamedTuple

MAX_CELL_CHARACTERS = 16 * 1024 * 1024
MAX_LINE_CHARACTERS = 2 * MAX_CELL_CHARACTERS
"""Of a line of JSON they are bytes."""

MAX_JSON_DEPTH = 64
MAX_JSON_VALUES = 100_000
"""Of a line, a record or a request; objects, lists and what they hold count alike."""

MAX_COLUMNS = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may hold: bytes after unpacking (of Parquet as it counts them), and rows."""

    unpacked_bytes: int = 64 * 1024**3
    rows: int = 1_000_000_000


DEFAULT_LIMITS = Limits()
"""Of files of this machine, which are read without keeping them in memory."""


class Row(NamedTuple):
    """A row by its columns; of a CSV all are texts, empty ones too.

    `number` is the line in which the row begins, or Parquet's row, counted from 1; `done` is about
    how much of the file is read with it, in the unit of `Table.total`.
    """

    number: int
    values: dict[str, object]
    done: int


class BadRow(NamedTuple):
    """A row that cannot be read, with the reason; the rows after it can."""

    number: int
    reason: str
    done: int


def allow_long_cells() -> None:
    """Lets the standard library take cells of up to 16 Mi characters.

    Its own limit of 131,072 is less than a long article, and it keeps one limit for the whole
    process: whoever reads sets the same, so what a file gives does not depend on what was read
    before it.
    """
    csv.field_size_limit(MAX_CELL_CHARACTERS)
