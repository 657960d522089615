"""A table of HTML while it is read: rows of data become units, what only lays a page out does not.

A row is layout where a cell of it holds a heading or another table, where it is its table's only
column, or where it is too long for a passage: then its cells' blocks are blocks of the document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.text.blocks import Block, BlockKind
from shared.text.tables import Cell, Table, is_too_long


@dataclass(slots=True)
class _OpenCell:
    is_heading: bool
    columns: int
    rows: int
    blocks: list[Block] = field(default_factory=list)
    has_table: bool = False

    @property
    def is_layout(self) -> bool:
        return self.has_table or any(block.kind is BlockKind.HEADING for block in self.blocks)

    def cell(self) -> Cell:
        sentences = [sentence for block in self.blocks for sentence in block.sentences]
        if not sentences:
            return Cell("", 0, 0, self.is_heading, self.columns, self.rows)
        text = " ".join(" ".join(sentence.text.split()) for sentence in sentences)
        start, end = sentences[0].start, sentences[-1].end
        return Cell(text, start, end, self.is_heading, self.columns, self.rows)


class HtmlTable:
    """Takes blocks into cells, cells into rows, and gives blocks of rows."""

    def __init__(self) -> None:
        self.in_head = False
        self._table = Table()
        self._cells: list[_OpenCell] = []
        self._is_in_cell = False
        self._blocks: list[Block] = []

    def open_cell(self, attributes: Mapping[str, str | None], *, is_heading: bool) -> None:
        """Opens the next cell of the row."""
        columns, rows = (_span(attributes.get(name)) for name in ("colspan", "rowspan"))
        self._cells.append(_OpenCell(is_heading, columns, rows))
        self._is_in_cell = True

    def close_cell(self) -> None:
        """Closes the cell that is open."""
        self._is_in_cell = False

    def put(self, blocks: Sequence[Block]) -> None:
        """Adds blocks to the open cell, or after the rows before them where none is open."""
        if self._is_in_cell:
            self._cells[-1].blocks.extend(blocks)
        else:
            self._put_aside(blocks)

    def put_table(self, blocks: Sequence[Block]) -> None:
        """Adds a table that stands in this one."""
        self.put(blocks)
        if self._is_in_cell:
            self._cells[-1].has_table = True

    def end_row(self) -> None:
        """Makes a unit of the row's cells, if they are data."""
        opened, self._cells, self._is_in_cell = self._cells, [], False
        if not opened:
            return
        cells = [each.cell() for each in opened]
        is_layout = any(each.is_layout for each in opened) or self._is_alone(opened)
        if is_layout or is_too_long(cells):
            self._put_aside([block for each in opened for block in each.blocks])
            return
        names = self.in_head or all(cell.is_heading for cell in cells)
        self._table.add(cells, is_heading=names)

    def finish(self) -> Sequence[Block]:
        """The blocks of the whole table."""
        self.end_row()
        self._put_aside(())
        return self._blocks

    def _is_alone(self, opened: Sequence[_OpenCell]) -> bool:
        return len(opened) == 1 and opened[0].columns == 1 and not self._table.columns > 1

    def _put_aside(self, blocks: Sequence[Block]) -> None:
        if rows := self._table.take():
            self._blocks.append(Block(BlockKind.TEXT, rows))
        self._blocks.extend(blocks)


def _span(value: str | None) -> int:
    return int(value) if value is not None and value.isdecimal() and len(value) < 5 else 1
