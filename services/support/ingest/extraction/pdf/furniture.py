"""What stands at the edge of page after page: running headers and footers, and page numbers."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from services.support.ingest.extraction.pdf.glyphs import Page
from services.support.ingest.extraction.pdf.segments import Segment, rows_of

_ROWS = 3
"""So many rows at the top and at the bottom of a page may be furniture."""
_EDGE = 0.14
"""The part of a page's height, above and below, in which it stands."""
_PLACE = 6.0
"""Points within which it stands at the same height."""
_OFTEN = 0.25
_FEWEST = 2
_DIGITS = re.compile(r"\d+")
_ROMAN = r"[ivxlc]{1,7}"
_NUMBER = re.compile(
    rf"\W*(?:(?:page|seite|página|pagina|strona|p\.|s\.)\s*)?(?:\d{{1,4}}|{_ROMAN})"
    r"(?:\s*(?:of|von|de|di|sur|/|\|)\s*\d{1,4})?\W*|第?\s*\d{1,4}\s*页?(?:\s*[/，,共]+\s*\d{1,4}\s*页?)?",
    re.I,
)

Key = tuple[str, int]


def without_furniture(pages: Sequence[tuple[Page, list[Segment]]]) -> list[list[Segment]]:
    """Each page's segments without those that repeat at its edge.

    What stands on a quarter of the pages, on two at least, at the same height with nothing but its
    numbers changed, is furniture. So is a page number, with what stands beside it, and a line alone
    that is the first or last of two pages, such as the name of a chapter.
    """
    at_edges = [list(_at_edge(page, segments)) for page, segments in pages]
    counts = Counter(
        key for rows in at_edges for key in {key for row in rows for key in row.all_keys}
    )
    least = max(_FEWEST, round(len(pages) * _OFTEN))
    kept = []
    for (_, segments), rows in zip(pages, at_edges, strict=True):
        dropped = {id(segment) for row in rows for segment in row.furniture(counts, least)}
        kept.append([segment for segment in segments if id(segment) not in dropped])
    return kept


@dataclass(frozen=True, slots=True)
class _EdgeRow:
    """A row at an edge, with the keys under which each segment is found on other pages."""

    segments: Sequence[Segment]
    keys: Sequence[Sequence[Key]]
    is_outermost: bool

    @property
    def all_keys(self) -> Iterator[Key]:
        return chain.from_iterable(self.keys)

    def furniture(self, counts: Counter[Key], least: int) -> Iterable[Segment]:
        often = [max(counts[key] for key in keys) for keys in self.keys]
        pairs = list(zip(self.segments, often, strict=True))
        if any(_is_number(segment) and count >= _FEWEST for segment, count in pairs):
            return self.segments
        enough = _FEWEST if self.is_outermost and len(pairs) == 1 else least
        return [segment for segment, count in pairs if count >= enough]


def _at_edge(page: Page, segments: Iterable[Segment]) -> Iterator[_EdgeRow]:
    rows = rows_of(segments)
    bases = [row[0].base for row in rows]
    if not bases:
        return
    lowest, highest = _extent(page, bases)
    reach = (highest - lowest) * _EDGE
    for place, part in (("top", rows[:_ROWS]), ("bottom", rows[-_ROWS:])):
        for row in part:
            height = row[0].base - lowest if place == "bottom" else highest - row[0].base
            if height <= reach:
                keys = [_keys(segment, place, height) for segment in row]
                yield _EdgeRow(row, keys, row in (rows[0], rows[-1]))


def _extent(page: Page, bases: Sequence[float]) -> tuple[float, float]:
    """From where to where the page reaches: one that is turned has other coordinates."""
    for lowest, highest in ((0.0, page.height), (-page.width, 0.0), (0.0, page.width)):
        if lowest <= min(bases) and max(bases) <= highest:
            return lowest, highest
    return min(bases), max(bases)


def _keys(segment: Segment, place: str, height: float) -> Sequence[Key]:
    """Of two heights: what stands near the border of one stands within the other."""
    text = "#" if _is_number(segment) else _DIGITS.sub("#", segment.text.lower())
    step = int(height / _PLACE)
    return [(f"{place} {text}", each) for each in (step, step + 1)]


def _is_number(segment: Segment) -> bool:
    return _NUMBER.fullmatch(segment.text) is not None
