"""The straight lines that are drawn on a page, and whether there are pictures."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pypdfium2 import raw

_MAX_STROKES = 5_000
_MAX_POINTS = 2_000
_MAX_DEPTH = 3
_SHORTEST = 6.0
_STRAIGHT = 0.7


class Stroke(NamedTuple):
    """A straight line from `start` to `end` at the place `at` of the other axis, in points."""

    start: float
    end: float
    at: float


@dataclass(slots=True)
class Drawn:
    """What is drawn on a page, text aside."""

    horizontals: list[Stroke] = field(default_factory=list)
    verticals: list[Stroke] = field(default_factory=list)
    has_pictures: bool = False


def drawn_on(page: Any) -> Drawn:
    """The straight lines of a page, among them the edges of its boxes; the first few thousand."""
    drawn = Drawn()
    for each in page.get_objects(max_depth=_MAX_DEPTH):
        if each.type == raw.FPDF_PAGEOBJ_IMAGE:
            drawn.has_pictures = True
        elif each.type == raw.FPDF_PAGEOBJ_PATH and _count(drawn) < _MAX_STROKES:
            for line in _lines(each):
                _add(drawn, *line)
    return drawn


def _count(drawn: Drawn) -> int:
    return len(drawn.horizontals) + len(drawn.verticals)


def _add(drawn: Drawn, x0: float, y0: float, x1: float, y1: float) -> None:
    if abs(y1 - y0) <= _STRAIGHT and abs(x1 - x0) >= _SHORTEST:
        drawn.horizontals.append(Stroke(min(x0, x1), max(x0, x1), (y0 + y1) / 2))
    elif abs(x1 - x0) <= _STRAIGHT and abs(y1 - y0) >= _SHORTEST:
        drawn.verticals.append(Stroke(min(y0, y1), max(y0, y1), (x0 + x1) / 2))


def _lines(path: Any) -> Iterator[tuple[float, float, float, float]]:
    """The straight parts of a path, by their ends on the page."""
    matrix = raw.FS_MATRIX()
    raw.FPDFPageObj_GetMatrix(path.raw, matrix)
    x, y = ctypes.c_float(), ctypes.c_float()
    before = first = (0.0, 0.0)
    for number in range(min(raw.FPDFPath_CountSegments(path.raw), _MAX_POINTS)):
        part = raw.FPDFPath_GetPathSegment(path.raw, number)
        raw.FPDFPathSegment_GetPoint(part, x, y)
        point = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        kind = raw.FPDFPathSegment_GetType(part)
        if kind == raw.FPDF_SEGMENT_LINETO:
            yield (*before, *point)
        elif kind == raw.FPDF_SEGMENT_MOVETO:
            first = point
        if raw.FPDFPathSegment_GetClose(part):
            yield (*point, *first)
        before = point
