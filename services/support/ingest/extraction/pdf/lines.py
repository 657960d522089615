"""A page's lines and tables in the order in which they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.support.ingest.extraction.pdf.columns import columns_of
from services.support.ingest.extraction.pdf.glyphs import Page
from services.support.ingest.extraction.pdf.grids import find_grids
from services.support.ingest.extraction.pdf.segments import Segment, rows_of, with_markers
from services.support.ingest.extraction.pdf.tables import FoundTable, find_tables

_SAME_LINE = 0.35
_DISORDER = 0.25
_FEWEST_JUMPS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; `gap` is how far below the line before it on its page it stands, or None."""

    text: str
    left: float
    right: float
    size: float
    is_bold: bool
    gap: float | None
    marker: str = ""
    body: str = ""
    body_left: float = 0.0


def read_page(page: Page, segments: Sequence[Segment]) -> list[Line | FoundTable]:
    """The lines and tables of a page, whose columns are read one after the other.

    The file's order is that of reading; where it jumps up and down the page, the lines are read
    from the top down.
    """
    grids = find_grids(segments, page.horizontals, page.verticals)
    outside = _without(segments, grids)
    tables = list(grids)
    for column in columns_of(outside):
        tables += find_tables(column, page.horizontals)
    rest = _without(outside, tables)
    merged = _lines(_ordered(rest))
    placed: list[tuple[int, Line | FoundTable]] = [(table.order, table) for table in tables]
    before: Segment | None = None
    for line in merged:
        placed.append((line.order, _line(line, before)))
        before = line
    if _is_disordered(rest):
        return _from_the_top(merged, placed, tables)
    return [each for _, each in sorted(placed, key=lambda pair: pair[0])]


def _without(segments: Sequence[Segment], tables: Sequence[FoundTable]) -> list[Segment]:
    """Segments in none of the tables, in which some are joined to their markers."""
    taken = {order for table in tables for segment in table.segments for order in segment.orders}
    return [segment for segment in segments if segment.order not in taken]


def _from_the_top(
    merged: Sequence[Segment],
    placed: Sequence[tuple[int, Line | FoundTable]],
    tables: Sequence[FoundTable],
) -> list[Line | FoundTable]:
    tops = {id(table): max(segment.base for segment in table.segments) for table in tables}
    heights = [*(tops[id(table)] for table in tables), *(line.base for line in merged)]
    pairs = zip(heights, (each for _, each in placed), strict=True)
    return [each for _, each in sorted(pairs, key=lambda pair: -pair[0])]


def _ordered(segments: Sequence[Segment]) -> list[Segment]:
    if not _is_disordered(segments):
        return sorted(segments, key=lambda each: each.order)
    return [segment for row in rows_of(segments) for segment in row]


def _is_disordered(segments: Sequence[Segment]) -> bool:
    """Whether the file often goes up the page to something that is not beside what came before."""
    ordered = sorted(segments, key=lambda each: each.order)
    jumps = sum(
        second.base > first.base + second.size and second.left < first.right
        for first, second in pairwise(ordered)
    )
    return jumps >= _FEWEST_JUMPS and jumps > _DISORDER * len(ordered)


def _lines(ordered: Sequence[Segment]) -> list[Segment]:
    """Segments that follow each other on one line, as one."""
    rows: list[list[Segment]] = []
    for segment in ordered:
        if rows and _is_beside(rows[-1][-1], segment):
            rows[-1].append(segment)
        else:
            rows.append([segment])
    return [_joined(with_markers(row)) for row in rows]


def _is_beside(before: Segment, segment: Segment) -> bool:
    near = abs(before.base - segment.base) <= _SAME_LINE * segment.size
    return near and segment.left >= before.right - segment.size


def _joined(row: Sequence[Segment]) -> Segment:
    if len(row) == 1:
        return row[0]
    first = row[0]
    longest = max(row, key=lambda each: len(each.text))
    rest = " ".join(segment.text for segment in row[1:])
    return Segment(
        f"{first.text} {rest}",
        first.left,
        row[-1].right,
        longest.base,
        longest.size,
        all(segment.is_bold for segment in row),
        min(segment.order for segment in row),
        tuple(order for segment in row for order in segment.orders),
        first.marker,
        f"{first.body} {rest}",
        first.body_left,
    )


def _line(line: Segment, before: Segment | None) -> Line:
    gap = before.base - line.base if before is not None else None
    return Line(
        line.text, line.left, line.right, line.size, line.is_bold, gap,
        line.marker, line.body, line.body_left,
    )  # fmt: skip
