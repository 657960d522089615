"""Rows of files as examples; every bad row is named, none is dropped."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from shared.errors import InputError
from shared.tabular.headings import find_heading, shown
from shared.tabular.rows import BadRow
from shared.tabular.source import TableError
from shared.tabular.table import Table, open_table
from shared.validation.values import found

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


class ColumnError(RowError):
    """A column is missing: how the file was read matters, too."""


@dataclass(slots=True)
class Portion(Generic[ExampleT]):
    """What a file or a part of it gives; `rows` counts all, the bad ones too.

    `lines` has for each example the line (of Parquet the row) that it is of.
    """

    examples: list[ExampleT] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    rows: int = 0

    def add(self, other: "Portion[ExampleT]") -> None:
        """Takes in what the following part gives."""
        self.examples += other.examples
        self.lines += other.lines
        self.faults += other.faults
        self.rows += other.rows


PartsReader = Callable[[Sequence[tuple[Table, RowReader[ExampleT]]]], Sequence[Portion[ExampleT]]]


def read_rows(files: Sequence[tuple[Path, RowReader[ExampleT]]]) -> list[ExampleT]:
    """Reads files, see `shared.tabular.table`, each by its reader of rows.

    Raises:
        InputError: a file is missing, empty or of another kind, or rows of it are bad; the
            message names the first 20 of them by file, line and reason.
    """
    portions = read_files(files)
    raise_faults([fault for portion in portions for fault in portion.faults])
    return [example for portion in portions for example in portion.examples]


def read_files(
    files: Sequence[tuple[Path, RowReader[ExampleT]]],
    *,
    part_bytes: int = sys.maxsize,
    read_parts: PartsReader[ExampleT] | None = None,
) -> list[Portion[ExampleT]]:
    """What each file gives, in order; nothing is raised for the files' faults.

    `read_parts` reads parts of about `part_bytes` as `read_part` does, perhaps at the same time.
    """
    portions = [Portion[ExampleT]() for _ in files]
    owners: list[int] = []
    parts: list[tuple[Table, RowReader[ExampleT]]] = []
    for owner, (file, read_row) in enumerate(files):
        try:
            found = open_table(file).parts(part_bytes)
        except TableError as error:
            portions[owner].faults.append(RowFault(file, 0, error.reason))
            continue
        owners += [owner] * len(found)
        parts += [(part, read_row) for part in found]
    read = read_parts(parts) if read_parts else [read_part(*part) for part in parts]
    for owner, portion in zip(owners, read, strict=True):
        portions[owner].add(portion)
    for (file, _), portion in zip(files, portions, strict=True):
        if not portion.rows and not portion.faults:
            reason = "holds no rows: give it at least two examples of every class"
            portion.faults.append(RowFault(file, 0, reason))
    return portions


def read_part(part: Table, read_row: RowReader[ExampleT]) -> Portion[ExampleT]:
    """What a part of a file gives."""
    portion = Portion[ExampleT]()
    file = Path(part.name)
    try:
        for row in part.rows():
            portion.rows += 1
            try:
                if isinstance(row, BadRow):
                    raise RowError(row.reason)
                given = read_row(row.values)
                portion.examples.extend(given)
                portion.lines += [row.number] * len(given)
            except RowError as error:
                read_as = isinstance(error, ColumnError)
                reason = f"{error} (read as {part.description})" if read_as else str(error)
                portion.faults.append(RowFault(file, row.number, reason))
    except TableError as error:
        portion.faults.append(RowFault(file, 0, error.reason))
    return portion


def renamed(read_row: RowReader[ExampleT], columns: Mapping[str, str]) -> RowReader[ExampleT]:
    """The reader for files in which the column `columns[name]` stands for the column `name`."""
    if not columns:
        return read_row

    def read(row: Row) -> Sequence[ExampleT]:
        values = dict(row)
        for name, theirs in columns.items():
            key = column_of(row, theirs)
            if key is None:
                remedy = f"columns.{name} of the file names it"
                raise ColumnError(f"has no column {theirs!r} (it has {shown(row)}): {remedy}")
            values[name] = row[key]
        return read_row(values)

    return read


def column_of(row: Row, column: str) -> str | None:
    """The row's own name of a column, whose case may be another; None where it has none."""
    return column if column in row else find_heading(row, column)


def value_of(row: Row, column: str) -> object:
    """What a column holds; None where the row has no such column."""
    name = column_of(row, column)
    return None if name is None else row[name]


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


def raise_faults(faults: Sequence[object], rejects: Path | None = None) -> None:
    """Raises one InputError for all faults in the data, if there are any.

    `rejects` is the file that names all of them.
    """
    if not faults:
        return
    lines = [str(fault) for fault in faults[:_FAULTS_SHOWN]]
    if len(faults) > _FAULTS_SHOWN:
        where = f" (all of them are in {rejects})" if rejects else ""
        lines.append(f"and {len(faults) - _FAULTS_SHOWN} more{where}")
    count = f"{len(faults)} fault{'' if len(faults) == 1 else 's'}"
    raise InputError(
        "the data has {}; none of it was used:\n  {}".format(count, "\n  ".join(lines))
    )


def _cell(row: Row, column: str, limit: int) -> str:
    name = column_of(row, column)
    if name is None:
        raise ColumnError(
            f"has no column {column!r} (it has {shown(row)}); set data.text and data.label, or "
            "the file's columns or format"
        )
    value = row[name]
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise RowError(f"{column!r} is {found(value)}: expected a string")
    if not value.strip():
        raise RowError(f"{column!r} is empty")
    if len(value) > limit:
        raise RowError(f"{column!r} has {len(value)} characters: at most {limit} are allowed")
    return value
