"""Lines put together to headings, paragraphs and list items."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.support.ingest.extraction.pdf.lines import Line
from services.support.ingest.extraction.pdf.measures import Measures, is_same_size
from services.support.ingest.extraction.pdf.tables import FoundTable

_INDENT = 0.8
_FEW_LINES = 4
_NARROW = 0.6
_ENDS = (".", "!", "?", ":", "。", "！", "？", "：", "”", '"', ")")


@dataclass(slots=True)
class Block:
    """Lines that belong together; `level` is a heading's, `marker` a list item's."""

    lines: list[Line]
    level: int = 0
    marker: str = ""
    tables: list[FoundTable] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The lines' texts, without the marker of a list item."""
        first = self.lines[0]
        return [first.body if self.marker else first.text, *(line.text for line in self.lines[1:])]


class Blocks:
    """Takes lines and tables in the order of reading, and gives blocks."""

    def __init__(self, measures: Measures, edges: "Edges") -> None:
        self._measures = measures
        self._edges = edges
        self._blocks: list[Block] = []

    def add(self, item: Line | FoundTable) -> None:
        """Adds what is read next."""
        if isinstance(item, FoundTable):
            self._blocks.append(Block([], tables=[item]))
        elif not self._goes_on(item):
            level = self._measures.level(item)
            self._blocks.append(Block([item], level, "" if level else item.marker))
        else:
            self._blocks[-1].lines.append(item)

    def finish(self) -> Sequence[Block]:
        """All blocks; of bold lines, what is longer than a heading is a paragraph."""
        for block in self._blocks:
            is_bold_text = block.level and len(block.lines) > 2 and block.lines[0].is_bold
            if is_bold_text and is_about(block.lines[0].size, self._measures.body):
                block.level = 0
        return self._blocks

    def _goes_on(self, line: Line) -> bool:
        """Whether a line goes on with the block before it."""
        if not self._blocks or not self._blocks[-1].lines:
            return False
        block = self._blocks[-1]
        before = block.lines[-1]
        if block.level:
            return (
                self._measures.level(line) == block.level
                and is_same_size(before, line)
                and line.gap is not None
                and 0 < line.gap <= 1.5 * line.size
                and not line.marker
            )
        if line.marker or self._measures.level(line):
            return False
        if line.gap is None or line.gap < 0:
            return self._goes_on_over_page(before, line)
        if not self._measures.is_next(before, line):
            return False
        if block.marker:
            return line.left > block.lines[0].left + 0.2 * line.size
        return self._is_aligned(block, line) and not self._is_broken(before, line)

    def _goes_on_over_page(self, before: Line, line: Line) -> bool:
        """A sentence that the end of a page or column cuts in two."""
        is_open = not before.text.endswith(_ENDS)
        return is_open and is_same_size(before, line) and before.is_bold == line.is_bold

    def _is_aligned(self, block: Block, line: Line) -> bool:
        before = block.lines[-1]
        indent = line.left - before.left
        if indent > _INDENT * line.size:
            return False
        return indent > -_INDENT * line.size or len(block.lines) == 1

    def _is_broken(self, before: Line, line: Line) -> bool:
        """Whether the author ended the line: the next word would have fitted on it."""
        word = line.text.split(maxsplit=1)[0]
        width = (line.right - line.left) / max(1, len(line.text)) * (len(word) + 1)
        edge = self._edges.of(before)
        return before.right + width < edge - 0.5 * line.size


class Edges:
    """How far to the right the lines reach that stand together.

    A few lines that are all short, such as those of an address, could have reached further.
    """

    def __init__(self, items: Sequence[Line | FoundTable], measures: Measures) -> None:
        self._edges: dict[int, float] = {}
        self._usual = measures.width
        group: list[Line] = []
        for item in items:
            if isinstance(item, FoundTable) or not (group and measures.is_next(group[-1], item)):
                self._close(group)
                group = []
            if isinstance(item, Line):
                group.append(item)
        self._close(group)

    def of(self, line: Line) -> float:
        """The right edge of the lines around this one."""
        return self._edges.get(id(line), line.right)

    def _close(self, group: Sequence[Line]) -> None:
        if group:
            edge = max(line.right for line in group)
            left = min(line.left for line in group)
            if len(group) <= _FEW_LINES and edge - left < _NARROW * self._usual:
                edge = left + self._usual
            self._edges |= {id(line): edge for line in group}


def is_about(first: float, second: float) -> bool:
    """Whether two sizes are the same to the eye."""
    return abs(first - second) <= 0.1 * second
