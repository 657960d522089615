"""What is usual in a document: the size of its text, and how far apart its lines stand."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.support.ingest.extraction.pdf.lines import Line

_SAME_SIZE = 0.06
_LARGER = 1.1
_MAX_HEADING_CHARACTERS = 150
_MAX_BOLD_CHARACTERS = 90
_MOST_LEADING = 1.8
_USUAL_LEADING = 1.25
_LEVELS = 6
_FULL_LINES = 0.9
_NO_HEADING_ENDS = (".", ",", ";", ":", "。", "，", "；")


@dataclass(frozen=True, slots=True)
class Measures:
    """`body` is the size of most text, `leading` the distance of lines by their rounded size.

    `sizes` are those of headings, the largest first; `width` is that of a full line.
    """

    body: float
    width: float
    leading: Mapping[float, float]
    sizes: Sequence[float]

    @classmethod
    def of(cls, lines: Sequence[Line]) -> "Measures":
        """The measures of a document, which has a line at least."""
        weights: Counter[float] = Counter()
        for line in lines:
            weights[_rounded(line.size)] += len(line.text)
        body = weights.most_common(1)[0][0]
        large = [line for line in lines if _is_large(line, body)]
        widths = sorted(line.right - line.left for line in lines)
        width = widths[int(_FULL_LINES * (len(widths) - 1))]
        return cls(body, width, _leadings(lines), _distinct(_rounded(line.size) for line in large))

    def level(self, line: Line) -> int:
        """The level of a heading (1 is the highest), or 0 for a line that cannot be one."""
        if _is_large(line, self.body):
            nearest = min(self.sizes, key=lambda size: abs(size - line.size))
            return min(self.sizes.index(nearest) + 1, _LEVELS)
        if line.is_bold and line.size >= self.body * (1 - _SAME_SIZE) and _may_be_bold(line):
            return min(len(self.sizes) + 1, _LEVELS)
        return 0

    def is_next(self, before: Line, line: Line) -> bool:
        """Whether a line stands under another as the next one of a paragraph does."""
        if not is_same_size(before, line) or line.gap is None:
            return False
        leading = self.leading.get(_rounded(line.size), _USUAL_LEADING * line.size)
        return 0 < line.gap <= 1.2 * leading + 0.5


def is_same_size(first: Line, second: Line) -> bool:
    """Whether two lines have letters of one size, about."""
    return abs(first.size - second.size) <= _SAME_SIZE * max(first.size, second.size)


def _is_large(line: Line, body: float) -> bool:
    has_words = any(character.isalpha() for character in line.text)
    is_short = len(line.text) <= _MAX_HEADING_CHARACTERS
    return line.size >= _LARGER * body and is_short and has_words


def _may_be_bold(line: Line) -> bool:
    text = line.text
    return (
        len(text) <= _MAX_BOLD_CHARACTERS
        and not text.endswith(_NO_HEADING_ENDS)
        and any(character.isalpha() for character in text)
        and not text[0].islower()
    )


def _leadings(lines: Iterable[Line]) -> Mapping[float, float]:
    gaps: dict[float, Counter[float]] = defaultdict(Counter)
    before: Line | None = None
    for line in lines:
        near = line.gap is not None and 0 < line.gap <= _MOST_LEADING * line.size
        if before is not None and near and line.gap and is_same_size(before, line):
            gaps[_rounded(line.size)][round(line.gap, 1)] += 1
        before = line
    return {size: _smallest_of_the_usual(counts) for size, counts in gaps.items()}


def _smallest_of_the_usual(counts: Counter[float]) -> float:
    """Lists and short lines may stand further apart, and be more, than lines of paragraphs."""
    least = 0.2 * max(counts.values())
    return min(gap for gap, count in counts.items() if count >= least)


def _distinct(sizes: Iterable[float]) -> list[float]:
    found: list[float] = []
    for size in sorted(set(sizes), reverse=True):
        if not found or size < found[-1] * (1 - _SAME_SIZE):
            found.append(size)
    return found


def _rounded(size: float) -> float:
    return round(size * 2) / 2
