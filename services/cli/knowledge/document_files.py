"""Files of documents, cut into pieces that one request takes."""

import csv
import io
import re
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from services.support.ingest.extraction.documents import row_of
from services.support.ingest.extraction.extracted import KINDS, FileKind
from services.support.ingest.extraction.extractor import Extractor, check_size
from services.support.ingest.ids import DerivedIds
from services.support.ingest.table_rows import (
    FIELDS,
    ROW_SUFFIXES,
    check_headings,
    fields_of,
    place_of,
)
from shared.errors import InputError
from shared.tabular.rows import Row
from shared.tabular.table import Table, open_table

SUFFIXES = (
    *(".csv", ".docx", ".htm", ".html", ".jsonl", ".markdown", ".md", ".ndjson", ".pdf", ".tsv"),
    ".txt",
)
_EXTRACTION_S = 120.0
_PIECE_BYTES = 256 * 1024
_LINE_END = re.compile(r"\r\n|\r|\n")
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, a stretch of the rows of a large one, or the text of a PDF or DOCX as a row: its
    name there, its bytes.
    """

    path: Path
    name: str
    content: bytes

    @property
    def holds_rows(self) -> bool:
        """Whether it may hold more than one document."""
        return self.path.suffix.lower() in ROW_SUFFIXES


@dataclass(frozen=True, slots=True)
class Found:
    """The files of documents of a folder, in order, and those that have other endings."""

    files: list[Path]
    passed_over: list[Path]

    def reasons(self) -> Iterator[str]:
        """A line for each ending that is passed over: how many files, the first of them, why."""
        by_suffix: dict[str, list[Path]] = defaultdict(list)
        for path in self.passed_over:
            by_suffix[path.suffix.lower()].append(path)
        for suffix, paths in sorted(by_suffix.items()):
            count = f"{len(paths)} file{'' if len(paths) == 1 else 's'}"
            end = "ends" if len(paths) == 1 else "end"
            ending = f"that {end} in {suffix}" if suffix else "without an ending"
            names = ", ".join(path.name for path in paths[:_NAMED])
            more = ", ..." if len(paths) > _NAMED else ""
            yield f"{count} {ending} ({names}{more}): documents end in {' '.join(SUFFIXES)}"


def find_files(path: Path) -> Found:
    """The file itself, or the files below a folder.

    Raises:
        InputError: there is no file of documents.
    """
    if path.is_file():
        return Found([path], [])
    if not path.is_dir():
        raise InputError(f"there is no file or folder {path}")
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    found = Found(
        [file for file in files if file.suffix.lower() in SUFFIXES],
        [file for file in files if file.suffix.lower() not in SUFFIXES],
    )
    if not found.files:
        other = f"; it has {'; '.join(found.reasons())}" if found.passed_over else ""
        raise InputError(f"{path} holds no file that ends in {' '.join(SUFFIXES)}{other}")
    return found


def cut(path: Path, derived: DerivedIds) -> Iterator[Piece]:
    """The pieces of a file. Each keeps its rows' line numbers, by empty lines before them.

    `derived` knows the rows without an id of the files before it. A PDF or DOCX is read here, where
    it may be larger than a request, and its text is sent.

    Raises:
        OSError: the file cannot be read.
        InputError: it is a table, PDF or DOCX that cannot be read, or a row of it says what another
            one says otherwise.
    """
    if kind := KINDS.get(path.suffix.lower()):
        yield Piece(path, f"{path.name}.jsonl", _extracted(path, kind))
        return
    if path.suffix.lower() in ROW_SUFFIXES:
        table = open_table(path, known=FIELDS)
        check_headings(table)
        rows = _checked(table, derived)
        if table.total > _PIECE_BYTES:
            yield from (Piece(path, path.name, content) for content in _stretches(table, rows))
            return
        deque(rows, maxlen=0)
    yield Piece(path, path.name, path.read_bytes())


def _extracted(path: Path, kind: FileKind) -> bytes:
    check_size(path.stat().st_size, name=str(path))
    text = Extractor(_EXTRACTION_S).extract(kind, path.read_bytes(), name=str(path))
    return orjson.dumps(row_of(path.name, text)) + b"\n"


def _checked(table: Table, derived: DerivedIds) -> Iterator[Row]:
    for row in table.rows():
        fields = fields_of(table, row)
        title = fields.get("question", fields.get("title"))
        text = fields.get("answer", fields.get("text"))
        if fields.get("id") is None and isinstance(title, str) and isinstance(text, str):
            derived.check(title, text, place=place_of(table, row))
        if isinstance(row, Row):
            yield row


def _stretches(table: Table, rows: Iterator[Row]) -> Iterator[bytes]:
    """Rows in stretches of about a piece's size: UTF-8, and cells separated by commas."""
    columns = table.columns
    head = _written(table, dict(zip(columns, columns, strict=True))) if columns else ""
    part, size, lines = [head], 0, _line_ends(head)
    for row in rows:
        text = _written(table, row.values)
        if size and size + len(text) > _PIECE_BYTES:
            yield "".join(part).encode()
            part, size, lines = [head], 0, _line_ends(head)
        part += ["\n" * (row.number - 1 - lines), text]
        lines = row.number - 1 + _line_ends(text)
        size += len(text)
    if size:
        yield "".join(part).encode()


def _written(table: Table, values: dict[str, object]) -> str:
    """A row in its file's format."""
    if table.columns is None:
        return orjson.dumps(values).decode() + "\n"
    text = io.StringIO(newline="")
    csv.writer(text).writerow(values.values())
    return text.getvalue()


def _line_ends(text: str) -> int:
    return len(_LINE_END.findall(text))
