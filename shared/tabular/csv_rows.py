"""Rows of CSV: RFC 4180, and what Excel and LibreOffice write."""

import csv
import io
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

from shared.tabular.encoding import Encoding
from shared.tabular.headings import HeadingError, clean_headings, shortened
from shared.tabular.rows import (
    MAX_CELL_CHARACTERS,
    MAX_LINE_CHARACTERS,
    BadRow,
    Row,
    allow_long_cells,
)
from shared.tabular.separators import find_separator, said_separator
from shared.tabular.source import Source, TableError

_SAMPLE_LINES = 200
_SAMPLE_CHARACTERS = 256 * 1024
_ROWS_A_LOOK = 64
_TOO_LONG = "field larger than field limit"


@dataclass(frozen=True, slots=True)
class CsvShape:
    """How a CSV is to be read: its encoding, its separator and the names of its columns."""

    encoding: Encoding
    separator: str
    columns: tuple[str, ...]


def find_shape(source: Source, encoding: Encoding, known: Collection[str]) -> CsvShape:
    """Reads a CSV's beginning.

    Raises:
        TableError: it is empty, or its headings cannot be used.
    """
    with _opened(source, encoding) as (lines, _):
        begin = list(_beginning(lines))
    separator = said_separator(begin[0]) if begin else None
    first = 1 if separator else 0
    is_whole = len(begin) < _SAMPLE_LINES and sum(map(len, begin)) < _SAMPLE_CHARACTERS
    separator = separator or find_separator(begin, known, is_whole=is_whole)
    with _opened(source, encoding) as (lines, _):
        rows = csv.reader(islice(lines, first, None), delimiter=separator, strict=True)
        try:
            cells = next((cells for cells in rows if any(cells)), None)
        except csv.Error as error:
            reason = f"line 1: the header cannot be read: {error}"
            raise TableError.of(source.name, reason) from None
    if cells is None:
        raise TableError.of(source.name, "is empty: its first line names the columns")
    try:
        columns = clean_headings(cells, known)
    except HeadingError as error:
        raise TableError.of(source.name, str(error)) from None
    if not all(map(_is_text, columns)):
        raise TableError.of(source.name, f"its headings are not {encoding.name}: save it as UTF-8")
    return CsvShape(encoding, separator, columns)


def csv_rows(source: Source, shape: CsvShape) -> Iterator[Row | BadRow]:
    """The rows in order; those without any cell filled are passed over.

    Raises:
        TableError: a quotation is broken: what follows it cannot be split into rows.
    """
    columns, width = shape.columns, len(shape.columns)
    is_mixed = shape.encoding.is_mixed
    with _opened(source, shape.encoding) as (lines, position):
        first = next(lines, "")
        says = 1 if said_separator(first) else 0
        rest = lines if says else chain((first,), lines)
        reader = csv.reader(rest, delimiter=shape.separator, strict=True)
        number, done, count = 1 + says, 0, -1
        try:
            for cells in reader:
                begun, number = number, reader.line_num + 1 + says
                if not any(cells):
                    continue
                count += 1
                if not count:
                    continue  # The headings.
                if count % _ROWS_A_LOOK == 1:
                    done = position()
                if len(cells) > width and not any(cells[width:]):
                    del cells[width:]
                if len(cells) != width:
                    yield BadRow(begun, _of_another_width(cells, shape), done)
                    continue
                values: dict[str, object] = dict(zip(columns, cells, strict=True))
                if is_mixed and (fault := _undecoded(values)):
                    yield BadRow(begun, fault, done)
                else:
                    yield Row(begun, values, done)
        except csv.Error as error:
            raise _broken(source, number, reader.line_num + says, error) from None


@contextmanager
def _opened(
    source: Source, encoding: Encoding
) -> Iterator[tuple[Iterator[str], Callable[[], int]]]:
    allow_long_cells()
    with (
        source.opened() as (stream, position),
        io.TextIOWrapper(
            stream, encoding=encoding.codec, errors=encoding.errors, newline=""
        ) as text,
    ):
        yield _lines(text, source.name), position


def _lines(text: io.TextIOWrapper, name: str) -> Iterator[str]:
    """The lines, none of them longer than is kept in memory."""
    limit = MAX_LINE_CHARACTERS
    first = text.readline(limit).removeprefix("\ufeff")
    if not first:
        return
    yield first
    for number, line in enumerate(iter(partial(text.readline, limit), ""), start=2):
        if len(line) == limit:
            raise TableError.of(name, f"line {number} is longer than {limit:,} characters")
        yield line


def _beginning(lines: Iterator[str]) -> Iterator[str]:
    characters = 0
    for line in islice(lines, _SAMPLE_LINES):
        yield line
        characters += len(line)
        if characters >= _SAMPLE_CHARACTERS:
            return


def _of_another_width(cells: list[str], shape: CsvShape) -> str:
    has = f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"
    return (
        f"has {has}, the header has {len(shape.columns)}: put cells that hold "
        f'{shape.separator!r} or a new line into "quotes"'
    )


def _broken(source: Source, begun: int, line: int, error: csv.Error) -> TableError:
    message = str(error)
    if _TOO_LONG in message:
        limit = f"{MAX_CELL_CHARACTERS:,} characters"
        reason = f"a cell is longer than {limit}, or its quote never ends"
    elif "unexpected end" in message:
        reason = "a quote that opens in this row never ends"
    else:
        reason = f"not CSV: {message}" + (f" (in line {line})" if line != begun else "")
    rest = "what follows cannot be split into rows"
    return TableError.of(source.name, f"line {begun}: {reason}; {rest}")


def _is_text(cell: str) -> bool:
    """Whether it was decoded whole."""
    return cell.isascii() or not any("\ud800" <= character <= "\udfff" for character in cell)


def _undecoded(values: dict[str, object]) -> str | None:
    for name, cell in values.items():
        if isinstance(cell, str) and not _is_text(cell):
            place = next(i for i, c in enumerate(cell, 1) if "\ud800" <= c <= "\udfff")
            return f"{shortened(name)} is not UTF-8 at its character {place}: {_meant(cell)}"
    return None


def _meant(cell: str) -> str:
    """What the bytes of a text say in the encoding that they mostly are in, as a hint."""
    try:
        meant = cell.encode("utf-8", "surrogateescape").decode("cp1252")
    except UnicodeError:
        return "convert the row"
    return f"convert the row (in Windows-1252 it says {meant[:60]!r})"
