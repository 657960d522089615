"""Files of rows, read one by one: CSV and JSON Lines (gzip or not), Parquet."""

import csv
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from services.cli.text_file import check_utf8, opened_text
from shared.errors import InputError
from shared.text.csv_cells import allow_long_cells

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")

_MAX_LINE_BYTES = 4 * 1024 * 1024
_PARQUET_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its columns; a CSV's empty cells are left out.

    `number` is the line in which it begins, counted from 1, or Parquet's row, counted from 1;
    `done` is how much of the file is read with it, in the unit of `RowFile.total`.
    """

    number: int
    values: dict[str, object]
    done: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read, with the reason."""

    number: int
    reason: str
    done: int


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file whose encoding and header are known to be good.

    `columns` are its header's; None where each row names its own. `total` is its size: bytes, or
    Parquet's rows.
    """

    path: Path
    columns: tuple[str, ...] | None
    total: int
    _read: Callable[[], Iterator[Row | BadRow]]

    def rows(self) -> Iterator[Row | BadRow]:
        """The rows in order; may be asked for again.

        Raises:
            InputError: the file ends in the middle, or is damaged.
        """
        with _readable(self.path):
            yield from self._read()


def open_rows(path: Path) -> RowFile:
    """Opens a file by its suffix, and reads a text through once, to be sure that it is UTF-8.

    Raises:
        InputError: there is no such file, its format is not known, it is no UTF-8, or its header
            cannot be used.
    """
    name = path.name.lower().removesuffix(".gz")
    with _readable(path):
        if name.endswith(".parquet"):
            return _parquet(path)
        if name.endswith(".csv"):
            check_utf8(path)
            columns = _header(path)
            return RowFile(path, columns, path.stat().st_size, lambda: _csv_rows(path, columns))
        if name.endswith((".jsonl", ".ndjson")):
            check_utf8(path)
            return RowFile(path, None, path.stat().st_size, lambda: _json_rows(path))
    raise InputError(f"{path}: ends in none of {' '.join(SUFFIXES)} (.gz may follow)")


def check_unique(columns: list[str], path: Path) -> tuple[str, ...]:
    """The columns, each with a name of its own.

    Raises:
        InputError: one has no name, or a name stands twice.
    """
    for number, name in enumerate(columns, start=1):
        if not name:
            raise InputError(f"{path}: column {number} of the header has no name: give it one")
        if columns.index(name) != number - 1:
            raise InputError(f"{path}: the column {name!r} stands twice: rename or remove one")
    return tuple(columns)


def _header(path: Path) -> tuple[str, ...]:
    with opened_text(path) as (file, _):
        try:
            cells = next(_reader(file), None)
        except csv.Error as error:
            raise InputError(f"{path}:1: the header cannot be read: {error}") from None
    if cells is None:
        raise InputError(f"{path} is empty: its first line names the columns")
    return check_unique([cell.strip() for cell in cells], path)


def _csv_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row | BadRow]:
    with opened_text(path) as (file, position):
        reader = _reader(file)
        next(reader)
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadRow(number, f"not CSV: {error}", position())
                continue
            if not cells:
                continue
            if len(cells) != len(columns):
                reason = f'{len(cells)} cells, the header has {len(columns)}: quote cells with "'
                yield BadRow(number, reason, position())
                continue
            named = zip(columns, (cell.strip() for cell in cells), strict=True)
            yield Row(number, {name: cell for name, cell in named if cell}, position())


def _reader(file: BinaryIO) -> Any:
    allow_long_cells()
    lines = (line.decode("utf-8-sig" if not index else "utf-8") for index, line in enumerate(file))
    return csv.reader(lines, strict=True)


def _json_rows(path: Path) -> Iterator[Row | BadRow]:
    with opened_text(path) as (file, position):
        number = 0
        while line := file.readline(_MAX_LINE_BYTES):
            number += 1
            if len(line) == _MAX_LINE_BYTES and not line.endswith(b"\n"):
                while (more := file.readline(_MAX_LINE_BYTES)) and not more.endswith(b"\n"):
                    continue
                yield BadRow(number, f"longer than {_MAX_LINE_BYTES} bytes", position())
            elif text := line.removeprefix(b"\xef\xbb\xbf").strip():
                yield _json_row(number, text, position())


def _json_row(number: int, text: bytes, done: int) -> Row | BadRow:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return BadRow(number, f"not JSON: {error}", done)
    if not isinstance(parsed, dict):
        return BadRow(number, f"expected an object {{...}}, found {type(parsed).__name__}", done)
    return Row(number, parsed, done)


def _parquet(path: Path) -> RowFile:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowException as error:
        raise InputError(f"{path} is no Parquet file that can be read: {error}") from None
    with file:
        columns = check_unique(list(file.schema_arrow.names), path)
        total = int(file.metadata.num_rows)
    return RowFile(path, columns, total, lambda: _parquet_rows(path))


def _parquet_rows(path: Path) -> Iterator[Row | BadRow]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                for values in _in_microseconds(batch).to_pylist():
                    number += 1
                    yield Row(number, values, number)
    except pyarrow.ArrowException as error:
        raise InputError(f"{path} is damaged after row {number}: {error}") from None


def _in_microseconds(batch: Any) -> Any:
    """Python's times hold no nanoseconds; what lies below a microsecond is cut off."""
    import pyarrow

    fields = [
        field.with_type(pyarrow.timestamp("us", field.type.tz))
        if pyarrow.types.is_timestamp(field.type)
        else field
        for field in batch.schema
    ]
    return batch.cast(pyarrow.schema(fields), safe=False)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
