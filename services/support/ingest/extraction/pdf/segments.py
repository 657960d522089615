"""Stretches of text that stand on one line without a wide gap, and the rows that they make."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.support.ingest.extraction.pdf.glyphs import Glyph

WIDE_GAP = 1.0
"""In sizes of the text: what is further apart stands in two cells, or columns."""
_RAISED = 0.6
_SAME_LINE = 0.35
_BULLETS = "•◦▪▫‣●○■□❑❒➢➤►▶✓✔·\uf0b7\uf0a7\uf0d8\uf0fc\uf076"
_MARKER = re.compile(
    rf"(?P<bullet>[{_BULLETS}]|[-–—*o](?=\s))\s*|(?P<number>\(?(?:\d{{1,2}}|[a-z])[.)])\s+"
)
_APART_NUMBER = re.compile(r"\d{1,2}\s+(?=\D)")
_NUMBER_GAP = 0.7
_LONE_NUMBER = re.compile(r"\d{1,2}[.)]?")
_LIGATURES = re.compile("[\ufb00-\ufb06]")


@dataclass(frozen=True, slots=True)
class Segment:
    """Text from `left` to `right` on the line `base`, in points; `order` is its place in the file,
    and `orders` those of all that were joined to it.

    `marker` is the bullet or number of a list item that the text begins with, `body_left` where
    what follows it begins.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    is_bold: bool
    order: int
    orders: tuple[int, ...]
    marker: str = ""
    body: str = ""
    body_left: float = 0.0


def segments_of(glyphs: Iterable[Glyph | None]) -> list[Segment]:
    """The segments of a page, in the file's order."""
    found: list[Segment] = []
    for run in _runs(glyphs):
        if segment := _segment(run, len(found)):
            found.append(segment)
    return found


def rows_of(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Segments that stand on one line, from the top down, each row from left to right."""
    rows: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda each: -each.base):
        if rows and rows[-1][0].base - segment.base <= _SAME_LINE * segment.size:
            rows[-1].append(segment)
        else:
            rows.append([segment])
    return [sorted(row, key=lambda each: each.left) for row in rows]


def with_markers(row: Sequence[Segment]) -> list[Segment]:
    """The row with a bullet or number that stands alone joined to the text beside it."""
    if len(row) != 2:
        return list(row)
    first, second = row
    is_bullet = len(first.text) == 1 and (first.text in _BULLETS or first.text in "-–—*o")
    if not is_bullet and not _LONE_NUMBER.fullmatch(first.text):
        return list(row)
    text = f"{first.text} {second.text}"
    return [
        Segment(
            text, first.left, second.right, second.base, second.size, second.is_bold,
            min(first.order, second.order), (first.order, second.order), first.text, second.text,
            second.left,
        )
    ]  # fmt: skip


def _runs(glyphs: Iterable[Glyph | None]) -> Iterator[list[Glyph]]:
    run: list[Glyph] = []
    seen: Glyph | None = None
    for glyph in glyphs:
        if glyph is None:
            if run:
                yield run
            run, seen = [], None
            continue
        if not glyph.text.isspace():
            if seen is not None and _is_apart(seen, glyph):
                yield run
                run = []
            seen = glyph
        run.append(glyph)
    if run:
        yield run


def _is_apart(before: Glyph, glyph: Glyph) -> bool:
    size = max(before.size, glyph.size)
    gap = glyph.left - before.right
    return (
        abs(glyph.base - before.base) > _RAISED * size or gap > WIDE_GAP * size or gap < -2 * size
    )


def _segment(run: Sequence[Glyph], order: int) -> Segment | None:
    shown = [glyph for glyph in run if not glyph.text.isspace()]
    if not shown:
        return None
    sizes = Counter(round(glyph.size, 1) for glyph in shown)
    size = sizes.most_common(1)[0][0] or 1.0
    bases = Counter(round(glyph.base, 1) for glyph in shown if round(glyph.size, 1) == size)
    text = plain("".join(glyph.text for glyph in run))
    marker, body, body_left = _marker(text, shown)
    return Segment(
        text,
        min(glyph.left for glyph in shown),
        max(glyph.right for glyph in shown),
        bases.most_common(1)[0][0],
        size,
        all(glyph.is_bold for glyph in shown if glyph.text.isalnum()),
        order,
        (order,),
        marker,
        body,
        body_left,
    )


def _marker(text: str, shown: Sequence[Glyph]) -> tuple[str, str, float]:
    """The marker that a text begins with, what follows it, and where that begins."""
    match = _MARKER.match(text) or _APART_NUMBER.match(text)
    if match is None or match.end() == len(text):
        return "", text, shown[0].left
    marker = match[0].strip()
    place = min(len(marker), len(shown) - 1)
    gap = shown[place].left - shown[place - 1].right
    if marker.isdecimal() and gap < _NUMBER_GAP * shown[place].size:
        return "", text, shown[0].left
    return marker, text[match.end() :], shown[place].left


def plain(text: str) -> str:
    """The text with single spaces, and without ligatures and characters that are not seen."""
    whole = _LIGATURES.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    seen = "".join(
        c for c in whole if unicodedata.category(c) not in ("Cc", "Cf", "Cs") or c in "\t"
    )
    return " ".join(seen.split())
