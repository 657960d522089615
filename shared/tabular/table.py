"""A file of rows: CSV, JSON Lines, both also gzipped, or Parquet.

    table = open_table(Path("faq.csv"), known=("question", "answer"))
    for row in table.rows():
        ...

Opening reads a text through once: its encoding is known, and can be named, before the first row is
used. A row that cannot be read is a `BadRow` and does not keep the others; what makes the rest of a
file unreadable raises `TableError`. Memory does not grow with the file.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from shared.tabular.csv_rows import CsvShape, csv_rows, find_shape
from shared.tabular.encoding import Encoding, find_encoding
from shared.tabular.json_rows import json_rows, line_parts
from shared.tabular.parquet_rows import find_columns, group_parts, parquet_rows
from shared.tabular.rows import DEFAULT_LIMITS, BadRow, Limits, Row
from shared.tabular.separators import SEPARATORS
from shared.tabular.source import Source, TableError


class TableFormat(StrEnum):
    """How rows are written."""

    CSV = "CSV"
    JSON_LINES = "JSON Lines"
    PARQUET = "Parquet"


_FORMATS = {
    ".csv": TableFormat.CSV,
    ".tsv": TableFormat.CSV,
    ".jsonl": TableFormat.JSON_LINES,
    ".ndjson": TableFormat.JSON_LINES,
    ".parquet": TableFormat.PARQUET,
}
SUFFIXES = tuple(_FORMATS)
"""The endings of files of rows; `.gz` may follow."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file whose encoding and headings are known to be good, or a part of one.

    `columns` are its headings; None where each row names its own. `total` is its size: bytes, or
    Parquet's rows. A part holds bytes or row groups `[start, stop)`, and `first` is the number of
    its first line or row.
    """

    source: Source
    format: TableFormat
    columns: tuple[str, ...] | None
    total: int
    limits: Limits = DEFAULT_LIMITS
    encoding: Encoding | None = None
    shape: CsvShape | None = None
    start: int = 0
    stop: int | None = None
    first: int = 1

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.source.name

    @property
    def description(self) -> str:
        """How it was read, for the message that refuses its headings."""
        encoding = f" in {self.encoding.name}" if self.encoding else ""
        split = f", separated by {SEPARATORS[self.shape.separator]}" if self.shape else ""
        return f"{self.format}{encoding}{split}"

    def rows(self) -> Iterator[Row | BadRow]:
        """The rows in order; may be asked for again.

        Raises:
            TableError: the file ends in the middle, is damaged, or holds more rows than the limit.
        """
        with self.source.readable():
            for count, row in enumerate(self._rows(), start=1):
                if count > self.limits.rows:
                    reason = f"holds more than {self.limits.rows:,} rows: give it in parts"
                    raise TableError.of(self.name, reason)
                yield row

    def parts(self, part_bytes: int) -> list["Table"]:
        """The table in parts of about so many bytes, whose rows are the same, with their numbers.

        A CSV may have a new line within a cell, and gzip is read from its beginning: they are
        whole, as are other encodings than UTF-8.

        Raises:
            TableError: the file cannot be read.
        """
        with self.source.readable():
            if self.format is TableFormat.PARQUET:
                parts = group_parts(self.source, part_bytes)
            elif self._is_seekable() and self.total > part_bytes:
                parts = line_parts(self.source, part_bytes)
            else:
                return [self]
            made = [replace(self, start=low, stop=high, first=row) for low, high, row in parts]
        return made or [self]

    def _rows(self) -> Iterator[Row | BadRow]:
        if self.shape is not None:
            return csv_rows(self.source, self.shape)
        bounds = {"start": self.start, "first": self.first}
        if self.encoding is not None:
            return json_rows(self.source, self.encoding, stop=self.stop, **bounds)
        return parquet_rows(self.source, self.columns or (), stop=self.stop, **bounds)

    def _is_seekable(self) -> bool:
        is_lines = self.format is TableFormat.JSON_LINES
        is_utf8 = self.encoding is not None and self.encoding.codec == "utf-8"
        return is_lines and is_utf8 and not self.source.is_packed()


def open_table(
    content: Path | bytes,
    *,
    name: str | None = None,
    known: Collection[str] = (),
    table_format: TableFormat | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Table:
    """Opens a file by the ending of its name, which is that of the path where none is given.

    Headings of CSV and Parquet that are one of `known` in another case become that.

    Raises:
        TableError: there is no such file, its format is not known, its encoding cannot be told,
            its headings cannot be used, or it holds more than the limits.
    """
    source = Source(str(content) if name is None else name, content)
    found = table_format or format_of(source.name)
    if found is None:
        named = f"ends in none of {' '.join(SUFFIXES)} (.gz may follow)"
        raise TableError.of(source.name, named)
    with source.readable():
        if found is TableFormat.PARQUET:
            columns, rows = find_columns(source, known, limits)
            return Table(source, found, columns, rows, limits)
        size = source.size
        encoding = find_encoding(source, limits)
        if found is TableFormat.JSON_LINES:
            return Table(source, found, None, size, limits, encoding)
        shape = find_shape(source, encoding, known)
        return Table(source, found, shape.columns, size, limits, encoding, shape)


def format_of(name: str) -> TableFormat | None:
    """The format of a file by the ending of its name; None where it is not a file of rows."""
    plain = name.lower().removesuffix(".gz")
    return next((found for suffix, found in _FORMATS.items() if plain.endswith(suffix)), None)
