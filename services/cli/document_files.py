"""Files of documents, cut into pieces that one request takes."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.errors import InputError
from shared.text.csv_cells import allow_long_cells

SUFFIXES = (".csv", ".htm", ".html", ".jsonl", ".markdown", ".md", ".ndjson", ".txt")
_ROW_SUFFIXES = (".csv", ".jsonl", ".ndjson")
_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, or a stretch of the rows of a large one: its name there, its bytes."""

    path: Path
    name: str
    content: bytes

    @property
    def holds_rows(self) -> bool:
        """Whether it may hold more than one document."""
        return self.path.suffix.lower() in _ROW_SUFFIXES


def find_files(path: Path) -> list[Path]:
    """The file itself, or the files of documents below a folder, in order.

    Raises:
        InputError: there is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"there is no file or folder {path}")
    files = [f for f in sorted(path.rglob("*")) if f.suffix.lower() in SUFFIXES and f.is_file()]
    if not files:
        raise InputError(f"{path} holds no file that ends in {' '.join(SUFFIXES)}")
    return files


def cut(path: Path) -> Iterator[Piece]:
    """The pieces of a file. Each keeps its rows' line numbers, by empty lines before them.

    Raises:
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    suffix = path.suffix.lower()
    if suffix not in _ROW_SUFFIXES or len(content) <= _PIECE_BYTES:
        yield Piece(path, path.name, content)
        return
    try:
        text = content.decode("utf-8-sig")
        header, rows = _csv_rows(text) if suffix == ".csv" else (_Row("", 0), _lines(text))
    except (UnicodeDecodeError, csv.Error):
        # The platform refuses the file whole, and says where its fault is.
        yield Piece(path, path.name, content)
        return
    for before, part in _stretches(rows):
        body = header.text + "\n" * before + part
        yield Piece(path, path.name, body.encode())


@dataclass(frozen=True, slots=True)
class _Row:
    text: str
    lines: int


def _lines(text: str) -> list[_Row]:
    return [_Row(f"{line}\n", 1) for line in text.split("\n")]


def _csv_rows(text: str) -> tuple[_Row, list[_Row]]:
    """The headings, and every row; a quoted cell may hold line breaks."""
    lines = io.StringIO(text, newline="").readlines()
    allow_long_cells()
    reader = csv.reader(iter(lines), strict=True)
    rows, start = [], 0
    for _ in reader:
        rows.append(_Row("".join(lines[start : reader.line_num]), reader.line_num - start))
        start = reader.line_num
    return rows[0], rows[1:]


def _stretches(rows: list[_Row]) -> Iterator[tuple[int, str]]:
    """Rows in stretches of about a piece's size, each with the number of lines before it."""
    part: list[_Row] = []
    size = lines = 0
    for row in rows:
        if part and size + len(row.text) > _PIECE_BYTES:
            yield lines, "".join(r.text for r in part)
            lines += sum(r.lines for r in part)
            part, size = [], 0
        part.append(row)
        size += len(row.text)
    if part:
        yield lines, "".join(r.text for r in part)
