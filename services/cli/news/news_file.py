"""A file of news for a replay: rows of the topic's fields, read one by one.

Of a CSV the cell `entities` holds names with `|` between; an empty cell gives no field.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import orjson

from services.sentiment.news import decode
from shared.errors import InputError
from shared.streaming.dead_letters import DecodeError
from shared.streaming.message import Record
from shared.tabular.cells import listed, values_of
from shared.tabular.headings import shown
from shared.tabular.rows import BadRow
from shared.tabular.table import TableFormat, format_of, open_table

NEEDED = ("id", "published_at", "source", "text")
COLUMNS = (*NEEDED, "entities", "tenant")

_KEPT_FAULTS = 100


@dataclass(frozen=True, slots=True)
class NewsLine:
    """A row that the stream will take: its number, its JSON, and what a replay needs of it."""

    number: int
    value: bytes
    id: str
    published_at: float


@dataclass(frozen=True, slots=True)
class NewsFile:
    """What was found when a file was read through.

    `count` lines can be sent, published from `first_s` to `last_s` (Unix seconds); of
    `refused_count` others the first have a reason each in `refused`.
    """

    path: Path
    count: int
    first_s: float
    last_s: float
    refused: tuple[str, ...]
    refused_count: int

    @property
    def span_s(self) -> float:
        """The seconds from the earliest record to the latest."""
        return self.last_s - self.first_s

    def lines(self) -> Iterator[NewsLine]:
        """The lines that can be sent, in the file's order."""
        return (line for line in _lines(self.path) if isinstance(line, NewsLine))


def examine_news(path: Path) -> NewsFile:
    """Reads a file through once, so that every fault is known before the first record is sent.

    Raises:
        InputError: the file cannot be read.
    """
    count = refused_count = 0
    first_s, last_s = float("inf"), float("-inf")
    refused: list[str] = []
    for line in _lines(path):
        if isinstance(line, NewsLine):
            count += 1
            first_s, last_s = min(first_s, line.published_at), max(last_s, line.published_at)
        else:
            refused_count += 1
            refused += [line] if len(refused) < _KEPT_FAULTS else []
    if count == 0:
        first_s = last_s = 0.0
    return NewsFile(path, count, first_s, last_s, tuple(refused), refused_count)


def _lines(path: Path) -> Iterator[NewsLine | str]:
    """Every row that is not empty: as news, or the reason why it is none."""
    table_format = format_of(path.name) or TableFormat.JSON_LINES
    table = open_table(path, known=COLUMNS, table_format=table_format)
    if table.columns is not None:
        _check_columns(path, table.columns, table.description)
    for row in table.rows():
        if isinstance(row, BadRow):
            yield f"{path}:{row.number}: {row.reason}"
        else:
            is_csv = table.format is TableFormat.CSV
            values = values_of(table, row)
            yield _read(path, row.number, of_cells(values) if is_csv else values)


def of_cells(cells: Mapping[str, object]) -> dict[str, object]:
    """The fields of a CSV's cells, which are all texts; an empty one gives none.

    Names of entities are parted by `|`.
    """
    values = {name: cell for name, cell in cells.items() if cell}
    if "entities" in values:
        values["entities"] = listed(str(values["entities"]))
    with contextlib.suppress(ValueError, KeyError):
        values["published_at"] = float(str(values["published_at"]))
    return values


def _check_columns(path: Path, columns: Sequence[str], found: str) -> None:
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise InputError(
            f"{path}: news need the columns {', '.join(NEEDED)}; there are {shown(columns)} (read "
            f"as {found}): {', '.join(missing)} is missing"
        )


def _read(path: Path, number: int, values: Mapping[str, object]) -> NewsLine | str:
    # As the stream will read it; only whether the time lies ahead depends on when it is sent.
    try:
        value = orjson.dumps(values, default=_written)
    except orjson.JSONEncodeError as error:
        return f"{path}:{number}: cannot be sent as JSON: {error}"
    try:
        news = decode(
            Record("", "", 0, 0, 0, None, value), arrived_at=0.0, max_ahead_s=float("inf")
        )
    except DecodeError as error:
        return f"{path}:{number}: {error}"
    return NewsLine(number, value, news.id, news.published_at)


def _written(value: object) -> object:
    """What Parquet has and JSON has not."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"a {type(value).__name__}")
