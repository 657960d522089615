"""HTML as blocks: what a browser shows, with the offsets of the source."""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from itertools import accumulate

from shared.text.blocks import Block, BlockKind, Sentence, collapse_space
from shared.text.sentences import split_sentences

_HIDDEN = frozenset({"script", "style", "template", "noscript", "head", "nav", "svg"})
_INLINE = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "dfn", "em", "font", "i", "img"}
    | {"kbd", "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time"}
    | {"u", "var", "wbr"}
)
# The parser of the standard library takes minutes for 200 kB of brackets that nothing closes, so
# it only gets to see those that open a tag; the others are text.
_STRAY = re.compile(r"<(?![/!?]?[a-zA-Z][^<>]{0,2000}>)")
_BRACKET = "\ue000"
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def html_blocks(source: str) -> list[Block]:
    """The headings, paragraphs, list items and table rows of an HTML text."""
    return _read(source).blocks


def html_title(source: str) -> str:
    """The document's `<title>`, or an empty text."""
    return collapse_space(_read(source).title)


def _read(source: str) -> "_Reader":
    reader = _Reader(source)
    reader.feed(_STRAY.sub(_BRACKET, _without_comments(source)))
    reader.close()
    reader.end_block()
    return reader


def _without_comments(source: str) -> str:
    """The source with spaces in the place of comments: the parser looks for the end of each."""
    parts: list[str] = []
    end = 0
    while (start := source.find("<!--", end)) >= 0 and (close := source.find("-->", start)) >= 0:
        parts.append(source[end:start])
        parts.append(" " * (close + len("-->") - start))
        end = close + len("-->")
    return "".join([*parts, source[end:]])


@dataclass
class _Open:
    """The block that is being read: its characters and where each stands in the source."""

    characters: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, text: str, start: int, end: int, *, one_to_one: bool) -> None:
        self.characters.append(text)
        count = len(text)
        self.starts.extend(range(start, start + count) if one_to_one else [start] * count)
        self.ends.extend(range(start + 1, start + count + 1) if one_to_one else [end] * count)


class _Reader(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=False)
        self.blocks: list[Block] = []
        self.title = ""
        self._line_starts = [0, *accumulate(len(line) + 1 for line in source.split("\n"))]
        self._open = _Open()
        self._hidden_by = ""
        self._hidden_depth = 0
        self._heading = 0
        self._in_title = False
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens a block where the tag does."""
        if tag == "title":
            self._in_title = True
        elif tag == "body":
            self._hidden_depth = 0
        elif tag in _HIDDEN and not self._hidden_depth:
            self._hidden_by, self._hidden_depth = tag, 1
        elif self._hidden_depth and tag == self._hidden_by:
            self._hidden_depth += 1
        if tag not in _INLINE:
            self.end_block()
            self._heading = _HEADINGS.get(tag, 0)
            self._preformatted += tag == "pre"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself separates blocks, and contains nothing."""
        if tag not in _INLINE:
            self.end_block()

    def handle_endtag(self, tag: str) -> None:
        """Closes a block where the tag does."""
        if tag == "title":
            self._in_title = False
        if self._hidden_depth and tag == self._hidden_by:
            self._hidden_depth -= 1
        if tag not in _INLINE:
            self.end_block()
            self._heading = 0
            self._preformatted = max(0, self._preformatted - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        """Text as it stands."""
        self._add(data.replace(_BRACKET, "<"), len(data), one_to_one=True)

    def handle_entityref(self, name: str) -> None:
        """A named character."""
        self._reference(f"&{name}")

    def handle_charref(self, name: str) -> None:
        """A numbered character."""
        self._reference(f"&#{name}")

    def _reference(self, written: str) -> None:
        text = unescape(f"{written};")
        if text == f"{written};":
            text = written
        self._add(text, len(written), one_to_one=False)

    def _add(self, text: str, source_length: int, *, one_to_one: bool) -> None:
        if self._in_title:
            self.title += text
        elif not self._hidden_depth:
            line, column = self.getpos()
            start = self._line_starts[line - 1] + column
            self._open.add(text, start, start + source_length, one_to_one=one_to_one)

    def end_block(self) -> None:
        """Makes a block of what was read since the last one."""
        block, self._open = self._open, _Open()
        text = "".join(block.characters)
        pieces = [_strip(text)] if self._preformatted else _sentences(text)
        sentences: list[Sentence] = []
        for start, end in pieces:
            shown = text[start:end] if self._preformatted else collapse_space(text[start:end])
            if shown:
                sentences.append(
                    Sentence(
                        block.starts[start],
                        block.ends[end - 1],
                        shown,
                        opens_line=not sentences,
                        is_heading=self._heading > 0,
                    )
                )
        if sentences:
            kind = BlockKind.CODE if self._preformatted else BlockKind.TEXT
            kind = BlockKind.HEADING if self._heading else kind
            self.blocks.append(Block(kind, tuple(sentences), self._heading))


def _sentences(text: str) -> list[tuple[int, int]]:
    """Line breaks of the source mean nothing in HTML."""
    return split_sentences(text.replace("\n", " "))


def _strip(text: str) -> tuple[int, int]:
    start = len(text) - len(text.lstrip())
    return start, max(start, len(text.rstrip()))
