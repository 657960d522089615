"""Rows of JSON Lines and CSV files as examples; every bad row is named, none is dropped."""

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from shared.errors import InputError
from shared.text.csv_cells import allow_long_cells

_FAULTS_SHOWN = 20
_MAX_TEXT_CHARACTERS = 1_000_000
_MAX_LABEL_CHARACTERS = 200

ExampleT = TypeVar("ExampleT")
Row = Mapping[str, object]
RowReader = Callable[[Row], Sequence[ExampleT]]
"""The examples that a row gives; raises `RowError` for a row that cannot be used."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that cannot be used; `line` counts from 1, 0 is the file as a whole."""

    file: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}{f':{self.line}' if self.line else ''}: {self.reason}"


class RowError(Exception):
    """Why one row cannot be used."""


def read_rows(files: Sequence[tuple[Path, RowReader[ExampleT]]]) -> list[ExampleT]:
    """Reads JSON Lines (`.jsonl`) and CSV files, also `.gz`, each by its reader of rows.

    Raises:
        InputError: a file is missing, empty or of another kind, or rows of it are bad; the
            message names the first 20 of them by file, line and reason.
    """
    examples: list[ExampleT] = []
    faults: list[RowFault] = []
    for file, read_row in files:
        for item in _read_file(file, read_row):
            if isinstance(item, RowFault):
                faults.append(item)
            else:
                examples.extend(item)
    raise_faults(faults)
    return examples


def text_cell(row: Row, column: str) -> str:
    """The text in a column.

    Raises:
        RowError: there is none, or it is too long or no Unicode.
    """
    return _cell(row, column, _MAX_TEXT_CHARACTERS)


def label_cell(row: Row, column: str) -> str:
    """The label in a column, without the space around it.

    Raises:
        RowError: likewise.
    """
    return _cell(row, column, _MAX_LABEL_CHARACTERS).strip()


def raise_faults(faults: Sequence[object]) -> None:
    """Raises one InputError for all faults in the data, if there are any."""
    if not faults:
        return
    lines = [str(fault) for fault in faults[:_FAULTS_SHOWN]]
    if len(faults) > _FAULTS_SHOWN:
        lines.append(f"and {len(faults) - _FAULTS_SHOWN} more")
    count = f"{len(faults)} fault{'' if len(faults) == 1 else 's'}"
    raise InputError(
        "the data has {}; nothing was trained:\n  {}".format(count, "\n  ".join(lines))
    )


def _read_file(
    file: Path, read_row: RowReader[ExampleT]
) -> Iterator[Sequence[ExampleT] | RowFault]:
    suffix = Path(file.stem).suffix if file.suffix == ".gz" else file.suffix
    rows = {".jsonl": _json_rows, ".csv": _csv_rows}.get(suffix)
    if rows is None:
        yield RowFault(file, 0, f"{file.suffix or 'no suffix'}: expected .jsonl or .csv, also .gz")
        return
    count = 0
    try:
        for line, row in rows(_lines(file)):
            count += 1
            try:
                yield read_row(_checked(row))
            except RowError as error:
                yield RowFault(file, line, str(error))
    except (OSError, EOFError, zlib.error) as error:
        yield RowFault(file, 0, f"cannot be read: {error}")
        return
    if not count:
        yield RowFault(file, 0, "holds no rows: give it at least two examples of every class")


def _checked(row: Any) -> Row:
    if isinstance(row, RowError):
        raise row
    if not isinstance(row, dict):
        raise RowError(f"is no JSON object with the columns of this run but {_kind(row)}")
    return row


def _lines(file: Path) -> Iterator[str]:
    """Lines of text; bytes that are not UTF-8 become surrogates, which `_cell` refuses."""
    open_file = gzip.open if file.suffix == ".gz" else open
    with open_file(file, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        yield from lines


def _json_rows(lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, RowError(f"is no JSON object: {error}")


def _csv_rows(lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    allow_long_cells()
    reader = csv.DictReader(lines, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # What follows a broken quotation cannot be split into rows any more.
            yield reader.line_num, RowError(f"is no CSV: {error}; the rest was not read")
            return
        yield reader.line_num, row


def _cell(row: Row, column: str, limit: int) -> str:
    if column not in row:
        found = ", ".join(repr(str(name)[:40]) for name in list(row)[:10])
        raise RowError(
            f"has no column {column!r} (it has {found}); set data.text and data.label, or the "
            "file's format"
        )
    value = row[column]
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise RowError(f"{column!r} is {_kind(value)}: expected a string")
    if not value.strip():
        raise RowError(f"{column!r} is empty")
    if len(value) > limit:
        raise RowError(f"{column!r} has {len(value)} characters: at most {limit} are allowed")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise RowError(f"{column!r} is not UTF-8: convert the file")
    return value


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
