"""Rows of tables, each of which is one unit: a cell says nothing without its headings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from shared.text.blocks import Sentence, SentenceKind

_MAX_ROW_WORDS = 120
_MAX_ROW_CHARACTERS = 1_000
_MAX_SPAN = 100
_MAX_COLUMNS = 64


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: its text, and the characters `[start, end)` of the document that say it.

    It reaches over `columns` and `rows`.
    """

    text: str
    start: int
    end: int
    is_heading: bool = False
    columns: int = 1
    rows: int = 1


def is_too_long(cells: Sequence[Cell]) -> bool:
    """Whether a row does not fit into a passage, and is read as a text."""
    return (
        sum(len(cell.text) for cell in cells) > _MAX_ROW_CHARACTERS
        or sum(len(cell.text.split()) for cell in cells) > _MAX_ROW_WORDS
    )


@dataclass(frozen=True, slots=True)
class _Column:
    """What a row has in one column; `opens` is whether a cell begins there."""

    text: str
    opens: bool
    is_heading: bool


@dataclass(slots=True)
class Table:
    """The rows of a table as sentences, in the order in which they are added."""

    _headings: Sequence[str] = ()
    _heading_rows: list[Sentence] = field(default_factory=list)
    _rows: list[Sentence] = field(default_factory=list)
    _reaching: dict[int, tuple[int, _Column]] = field(default_factory=dict)
    _is_named: bool = False

    @property
    def columns(self) -> int:
        """How many columns have a name, or are reached by a cell of an earlier row."""
        return max(len(self._headings), len(self._reaching) + bool(self._reaching))

    def add(self, cells: Sequence[Cell], *, is_heading: bool) -> None:
        """Adds a row; one of headings names the columns of the rows after it."""
        columns = self._columns(cells)
        said = [cell for cell in cells if cell.text]
        if not said:
            return
        if is_heading:
            self._add_headings([column.text for column in columns])
            text = "; ".join(dict.fromkeys(column.text for column in columns if column.text))
            sentence = Sentence(said[0].start, said[-1].end, text, True, SentenceKind.HEADING)
            self._heading_rows.append(sentence)
            return
        self._is_named = bool(self._headings)
        is_title = len(cells) == 1 and len(self._headings) > 1
        kind = SentenceKind.HEADING if is_title else SentenceKind.ROW
        text = said[0].text if is_title else self._row_text(columns)
        self._rows.append(Sentence(said[0].start, said[-1].end, text, True, kind))

    def take(self) -> tuple[Sentence, ...]:
        """The rows since the last time; those of headings only where there are no others."""
        rows = self._rows or self._heading_rows
        self._rows, self._heading_rows = [], []
        return tuple(rows)

    def _add_headings(self, texts: Sequence[str]) -> None:
        """Headings in several rows stand above each other; others after a row replace them.

        They stand in every row's text: those that are too long together name nothing.
        """
        above = [] if self._is_named else self._headings
        self._is_named = False
        joined = [
            f"{upper} {lower}".strip() if upper != lower else lower
            for upper, lower in zip_longest(above, texts, fillvalue="")
        ]
        self._headings = next(
            each for each in (joined, texts, ()) if sum(map(len, each)) <= _MAX_ROW_CHARACTERS
        )

    def _row_text(self, columns: Sequence[_Column]) -> str:
        parts: list[str] = []
        for number, column in enumerate(columns):
            if column.opens and column.text:
                heading = self._headings[number] if number < len(self._headings) else ""
                parts.append(_said_of(heading, column.text))
        first = columns[0]
        if not self._headings and first.is_heading and first.text and len(parts) > 1:
            return f"{parts[0].rstrip(': ')}: {'; '.join(parts[1:])}"
        return "; ".join(parts)

    def _columns(self, cells: Sequence[Cell]) -> list[_Column]:
        """What stands in each column, also where a cell of an earlier row reaches down to it."""
        above, self._reaching = self._reaching, {}
        columns: list[_Column] = []
        for cell in cells:
            self._take_from_above(above, columns)
            opens = True
            for _ in range(max(1, min(cell.columns, _MAX_SPAN))):
                column = _Column(cell.text, opens, cell.is_heading)
                self._reach_down(len(columns), min(cell.rows, _MAX_SPAN) - 1, column)
                columns.append(column)
                opens = False
                if len(columns) >= _MAX_COLUMNS:
                    break
        self._take_from_above(above, columns)
        return columns

    def _take_from_above(
        self, above: dict[int, tuple[int, _Column]], columns: list[_Column]
    ) -> None:
        while len(columns) in above:
            rows, column = above.pop(len(columns))
            self._reach_down(len(columns), rows - 1, column)
            columns.append(column)

    def _reach_down(self, number: int, rows: int, column: _Column) -> None:
        if rows > 0 and number < _MAX_COLUMNS:
            self._reaching[number] = (rows, column)


def _said_of(heading: str, text: str) -> str:
    name, said = heading.rstrip(": "), text.rstrip(".;, ") or text
    return f"{name}: {said}" if name and name != said else said
