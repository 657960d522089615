"""Tables whose cells have drawn borders."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from services.support.ingest.extraction.pdf.drawings import Stroke
from services.support.ingest.extraction.pdf.segments import Segment, rows_of
from services.support.ingest.extraction.pdf.tables import FoundTable

_NEAR = 2.5
"""Points within which two lines are one."""
_MOST_COLUMNS = 30
_FEWEST_ROWS = 2

Band = tuple[float, float, Sequence[float]]
"""A row of a grid: its bottom and top, and where its vertical lines stand."""


def find_grids(
    segments: Sequence[Segment], horizontals: Sequence[Stroke], verticals: Sequence[Stroke]
) -> list[FoundTable]:
    """The tables of a page that are drawn with lines between their columns and rows."""
    heights = _distinct(stroke.at for stroke in horizontals)
    walls = _walls(verticals)
    grids: list[list[Band]] = []
    bands = [_band(low, high, walls) for low, high in pairwise(heights)]
    for band in reversed(bands):
        if len(band[2]) < 3:
            grids.append([])
        elif grids and grids[-1] and _is_one_grid(grids[-1][-1], band):
            grids[-1].append(band)
        else:
            grids.append([band])
    found = [_table(grid, segments) for grid in grids if len(grid) >= _FEWEST_ROWS]
    return [table for table in found if table is not None]


def _walls(verticals: Sequence[Stroke]) -> list[Stroke]:
    """The vertical lines, those that go on from each other as one."""
    walls: list[Stroke] = []
    for at in _distinct(stroke.at for stroke in verticals):
        near = [stroke for stroke in verticals if abs(stroke.at - at) <= _NEAR]
        walls += [Stroke(start, end, at) for start, end in _joined(near)]
    return walls


def _distinct(places: Iterable[float]) -> list[float]:
    found: list[float] = []
    for place in sorted(places):
        if not found or place > found[-1] + _NEAR:
            found.append(place)
    return found


def _joined(strokes: Iterable[Stroke]) -> list[tuple[float, float]]:
    """Strokes that touch each other, as one."""
    found: list[tuple[float, float]] = []
    for start, end, _ in sorted(strokes):
        if found and start <= found[-1][1] + _NEAR:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _band(low: float, high: float, walls: Sequence[Stroke]) -> Band:
    standing = [w.at for w in walls if w.start <= low + _NEAR and w.end >= high - _NEAR]
    return low, high, _distinct(standing)


def _is_one_grid(above: Band, below: Band) -> bool:
    edges = zip((above[2][0], above[2][-1]), (below[2][0], below[2][-1]), strict=True)
    return all(abs(first - second) <= _NEAR * 2 for first, second in edges)


def _table(grid: Sequence[Band], segments: Sequence[Segment]) -> FoundTable | None:
    walls = _distinct(wall for _, _, walls in grid for wall in walls)
    if len(walls) - 1 > _MOST_COLUMNS:
        return None
    rows, inside = [], []
    for low, high, _ in grid:
        held = [each for each in segments if _is_within(each, low, high, walls)]
        inside += held
        cells: list[list[Segment]] = [[] for _ in walls[1:]]
        for row in rows_of(held):
            for segment in row:
                cells[_cell(segment, walls)].append(segment)
        if held:
            rows.append(cells)
    filled = [n for n in range(len(walls) - 1) if any(row[n] for row in rows)]
    if len(filled) < 2 or len(rows) < _FEWEST_ROWS:
        return None
    kept = [[row[number] for number in filled] for row in rows]
    return FoundTable(kept, min(each.order for each in inside), inside)


def _is_within(segment: Segment, low: float, high: float, walls: Sequence[float]) -> bool:
    middle = segment.base + 0.3 * segment.size
    return low <= middle < high and walls[0] - _NEAR <= segment.left <= walls[-1]


def _cell(segment: Segment, walls: Sequence[float]) -> int:
    """The cell in which a segment begins."""
    begun = sum(wall <= segment.left + _NEAR for wall in walls)
    return min(max(begun - 1, 0), len(walls) - 2)
