"""Tables: rows of cells that stand under each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from services.support.ingest.extraction.pdf.drawings import Stroke
from services.support.ingest.extraction.pdf.segments import Segment, rows_of, with_markers

Row = Sequence[Segment]
Interval = tuple[float, float]

_MAX_GAP = 3.2
"""Between two rows of a table, in sizes of the text."""
_GUTTER = 0.5
_SMALL_GAP = 1.4
_BIG_GAP = 1.25
_SHORT_CELL = 25
_MOST_COLUMNS = 30


@dataclass(frozen=True, slots=True)
class FoundTable:
    """The segments of each cell, by row and column; `order` is the table's place in the file."""

    rows: list[list[list[Segment]]]
    order: int
    segments: list[Segment] = field(default_factory=list)


def find_tables(segments: Sequence[Segment], strokes: Sequence[Stroke]) -> list[FoundTable]:
    """The tables of a page, from the top down."""
    tables: list[FoundTable] = []
    block: Sequence[Row] = ()
    columns: Sequence[Interval] = ()
    for row in rows_of(segments):
        joined = with_markers(row)
        fitting = _fitting(columns, joined) if block and _goes_on(block[-1], joined) else None
        if fitting is not None:
            block, columns = [*block, joined], fitting
            continue
        tables += _table(block, columns, strokes)
        block, columns = ([joined], _intervals(joined)) if len(joined) > 1 else ((), ())
    return tables + _table(block, columns, strokes)


def _goes_on(before: Row, row: Row) -> bool:
    """Whether a line is near enough to the one above it; one of a segment has to be its next."""
    most = _MAX_GAP if len(row) > 1 else _SMALL_GAP
    is_same = len(row) > 1 or abs(before[-1].size - row[0].size) <= 0.1 * row[0].size
    return is_same and before[0].base - row[0].base <= most * max(before[0].size, row[0].size)


def _intervals(row: Row) -> list[Interval]:
    return [(segment.left, segment.right) for segment in row]


def _fitting(columns: Sequence[Interval], row: Row) -> Sequence[Interval] | None:
    """The columns with a row more; None where it reaches over the gap between two of them."""
    if not columns:
        return _intervals(row)
    gutter = _GUTTER * row[0].size
    merged: list[Interval] = []
    for left, right in sorted([*columns, *_intervals(row)]):
        if merged and left <= merged[-1][1] + gutter:
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    keeps = len(merged) >= len(columns) if len(row) == 1 else len(merged) > 1
    return merged if keeps and 1 < len(merged) <= _MOST_COLUMNS else None


def _columns(block: Sequence[Row]) -> Sequence[Interval]:
    columns: Sequence[Interval] = ()
    for row in block:
        columns = _fitting(columns, row) or columns
    return columns


def _table(
    block: Sequence[Row], columns: Sequence[Interval], strokes: Sequence[Stroke]
) -> list[FoundTable]:
    while block and len(block[-1]) < 2 and not _is_cell(block, columns):
        block = block[:-1]
    columns = _columns(block)
    if sum(len(row) > 1 for row in block) < 2 or not _is_by_rows(block, columns):
        return []
    groups = _grouped(block, columns, strokes)
    segments = [segment for row in block for segment in row]
    cells = [_cells(group, columns) for group in groups]
    return [FoundTable(cells, min(each.order for each in segments), segments)]


def _is_cell(block: Sequence[Row], columns: Sequence[Interval]) -> bool:
    """Whether the last row, a segment alone, goes on with a cell: not what follows the table."""
    (segment,) = block[-1]
    near = block[-2][0].base - segment.base <= _SMALL_GAP * segment.size if block[1:] else False
    return near and _column(segment, columns) > 0


def _column(segment: Segment, columns: Sequence[Interval]) -> int:
    middle = (segment.left + segment.right) / 2
    distances = [max(left - middle, middle - right, 0.0) for left, right in columns]
    return distances.index(min(distances))


def _is_by_rows(block: Sequence[Row], columns: Sequence[Interval]) -> bool:
    """Whether the file has it row by row: columns of prose are written one after the other."""
    segments = sorted((each for row in block for each in row), key=lambda each: each.order)
    places = [_column(segment, columns) for segment in segments]
    switches = sum(first != second for first, second in pairwise(places))
    full = sum(len(row) > 1 for row in block)
    is_short = all(len(segment.text) <= _SHORT_CELL for segment in segments)
    return is_short or switches >= max(2, len(columns) - 1, full / 3)


def _grouped(
    block: Sequence[Row], columns: Sequence[Interval], strokes: Sequence[Stroke]
) -> list[list[Row]]:
    """The lines of the block, those of one row together."""
    starts = _starts(block, columns)
    ruled = _ruled(block, strokes)
    if sum(ruled) * 2 >= sum(starts) and sum(ruled) > 1:
        starts = ruled
    groups: list[list[Row]] = []
    for row, opens in zip(block, [True, *starts], strict=True):
        if opens:
            groups.append([row])
        else:
            groups[-1].append(row)
    return groups


def _ruled(block: Sequence[Row], strokes: Sequence[Stroke]) -> list[bool]:
    """Whether a drawn line stands above each line of text but the first."""
    left = min(segment.left for row in block for segment in row)
    right = max(segment.right for row in block for segment in row)
    heights = [
        height
        for start, end, height in strokes
        if min(end, right) - max(start, left) > 0.5 * (right - left)
    ]
    return [
        any(row[0].base + row[0].size * 0.4 < height < before[0].base for height in heights)
        for before, row in pairwise(block)
    ]


def _starts(block: Sequence[Row], columns: Sequence[Interval]) -> list[bool]:
    """Whether each line but the first opens a row, by the gaps and by the first column."""
    size = block[0][0].size
    gaps = [before[0].base - row[0].base for before, row in pairwise(block)]
    opens = [_column(row[0], columns) == 0 for row in block[1:]]
    small = [gap for gap in gaps if gap <= _SMALL_GAP * size]
    if not small or max(gaps) <= _BIG_GAP * min(small):
        return opens
    tight = [is_first for gap, is_first in zip(gaps, opens, strict=True) if gap in small]
    if sum(tight) > 0.7 * len(tight):
        return opens
    return [gap > _BIG_GAP * min(small) for gap in gaps]


def _cells(group: Sequence[Row], columns: Sequence[Interval]) -> list[list[Segment]]:
    cells: list[list[Segment]] = [[] for _ in columns]
    for row in group:
        for segment in row:
            cells[_column(segment, columns)].append(segment)
    return cells
