"""Raw rows of CSV, JSON Lines and Parquet files, and the parts in which large ones are read.

A row that stands in a part is the same row, with the same number, however the file is parted.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from shared.text.csv_cells import allow_long_cells

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
UNREADABLE = (OSError, EOFError, zlib.error, pyarrow.ArrowException)
"""What reading a file may raise that is damaged, not there or not allowed."""

_BLOCK_BYTES = 1 << 20
_PARQUET_ROWS = 4096
_BOM = b"\xef\xbb\xbf"


class FileError(Exception):
    """Why a file, or what is left of it, cannot be split into rows."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """The bytes `[start, stop)` of JSON Lines, or Parquet's row groups; all if `stop` is None.

    `row` is the number of the first row in it, counted from 1.
    """

    file: Path
    start: int = 0
    stop: int | None = None
    row: int = 1


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row by the line in which it ends (of Parquet its place), or why it is none: `fault`."""

    line: int
    value: object
    fault: str = ""


def parts_of(file: Path, part_bytes: int) -> list[FilePart]:
    """The parts of a file, each of about so many bytes; what cannot be parted is one part.

    A CSV may have a new line within a cell, and gzip is read from its beginning: they are whole.

    Raises:
        FileError: the suffix is not known.
        UNREADABLE: see there.
    """
    suffix = _suffix(file)
    if suffix == ".parquet":
        return _row_group_parts(file, part_bytes)
    if file.name.lower().endswith(".jsonl") and file.stat().st_size > part_bytes:
        return _line_parts(file, part_bytes)
    return [FilePart(file)]


def raw_rows(part: FilePart) -> Iterator[RawRow]:
    """The rows of a part, in order.

    Bytes that are not UTF-8 become lone surrogates, so that the rows around them stay readable.

    Raises:
        FileError: the rest of the file cannot be split into rows.
        UNREADABLE: see there.
    """
    suffix = _suffix(part.file)
    if suffix == ".parquet":
        return _parquet_rows(part)
    return _csv_rows(part.file) if suffix == ".csv" else _json_rows(part)


def _suffix(file: Path) -> str:
    name = file.name.lower()
    suffix = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)
    if suffix is None:
        raise FileError(f"{file.suffix or 'no suffix'}: expected one of {', '.join(SUFFIXES)}")
    return suffix.removesuffix(".gz")


def _opened(file: Path) -> Any:
    return gzip.open(file, "rb") if file.suffix.lower() == ".gz" else file.open("rb")


def _line_parts(file: Path, part_bytes: int) -> list[FilePart]:
    parts, start, row = [], 0, 1
    size = file.stat().st_size
    with file.open("rb") as bytes_of:
        while start < size:
            lines, stop = 0, start
            while stop < min(start + part_bytes, size):
                block = bytes_of.read(min(_BLOCK_BYTES, start + part_bytes - stop))
                lines, stop = lines + block.count(b"\n"), stop + len(block)
            rest = bytes_of.readline()
            lines, stop = lines + rest.count(b"\n"), stop + len(rest)
            parts.append(FilePart(file, start, stop, row))
            start, row = stop, row + lines
    return parts


def _row_group_parts(file: Path, part_bytes: int) -> list[FilePart]:
    parts, start, row, rows, size = [], 0, 1, 0, 0
    with pyarrow.parquet.ParquetFile(file) as opened:
        metadata = opened.metadata
        for group in range(metadata.num_row_groups):
            rows += metadata.row_group(group).num_rows
            size += metadata.row_group(group).total_byte_size
            if size >= part_bytes:
                parts.append(FilePart(file, start, group + 1, row))
                start, row, rows, size = group + 1, row + rows, 0, 0
    return [*parts, FilePart(file, start, None, row)] if rows or not parts else parts


def _json_rows(part: FilePart) -> Iterator[RawRow]:
    with _opened(part.file) as lines:
        lines.seek(part.start)
        position = part.start
        for number, line in enumerate(lines, start=part.row):
            if part.stop is not None and position >= part.stop:
                return
            position += len(line)
            text = _text(line, first=number == 1)
            if text.strip():
                try:
                    yield RawRow(number, json.loads(text))
                except (ValueError, RecursionError) as error:
                    yield RawRow(number, None, f"is no JSON object: {error}")


def _csv_rows(file: Path) -> Iterator[RawRow]:
    allow_long_cells()
    with _opened(file) as lines:
        reader = csv.reader(_decoded(lines), strict=True)
        columns: list[str] | None = None
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                # What follows a broken quotation cannot be split into rows any more.
                raise FileError(
                    f"line {reader.line_num} is no CSV: {error}; the rest was not read"
                ) from None
            if columns is None:
                columns = _header(cells)
            elif cells:
                yield _csv_row(reader.line_num, columns, cells)


def _header(cells: list[str]) -> list[str]:
    twice = sorted({name for name in cells if cells.count(name) > 1})
    if twice:
        raise FileError(f"the header has the column {twice[0]!r} twice: rename or remove one")
    return cells


def _csv_row(line: int, columns: list[str], cells: list[str]) -> RawRow:
    if len(cells) != len(columns):
        fault = f"has {len(cells)} cells, the header has {len(columns)}: put cells that hold a "
        return RawRow(line, None, f'{fault}comma or a new line into "quotes"')
    return RawRow(line, dict(zip(columns, cells, strict=True)))


def _parquet_rows(part: FilePart) -> Iterator[RawRow]:
    with pyarrow.parquet.ParquetFile(part.file) as file:
        stop = file.metadata.num_row_groups if part.stop is None else part.stop
        number = part.row
        groups = list(range(part.start, stop))
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, row_groups=groups):
            for row in batch.to_pylist():
                yield RawRow(number, row)
                number += 1


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    for index, line in enumerate(lines):
        yield _text(line, first=index == 0)


def _text(line: bytes, *, first: bool) -> str:
    return (line.removeprefix(_BOM) if first else line).decode("utf-8", "surrogateescape")
