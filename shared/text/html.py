"""HTML as blocks: what a browser shows, with the offsets of the source."""

import re
from collections.abc import Sequence
from html import unescape
from html.parser import HTMLParser
from itertools import accumulate

from shared.errors import InputError
from shared.text.blocks import LABEL_LEVEL, Block, collapse_space, first_heading
from shared.text.html_block import BlockText
from shared.text.html_table import HtmlTable
from shared.text.limits import MAX_HTML_ELEMENTS

INLINE_TAGS = frozenset(
    {"a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em"}
    | {"font", "i", "img", "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span"}
    | {"strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"}
)
OTHER_TAGS = frozenset(
    {"address", "article", "aside", "audio", "blockquote", "body", "br", "button", "caption"}
    | {"center", "col", "colgroup", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption"}
    | {"figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr"}
    | {"html", "iframe", "input", "legend", "li", "main", "nav", "noscript", "object", "ol"}
    | {"option", "p", "picture", "pre", "script", "section", "select", "source", "style"}
    | {"summary", "svg", "table", "tbody", "td", "template", "textarea", "tfoot", "th", "thead"}
    | {"tr", "ul", "video"}
)
_HIDDEN = frozenset({"script", "style", "template", "noscript", "head", "nav", "svg"})
_LEVELS = {f"h{level}": level for level in range(1, 7)} | dict.fromkeys(
    ("dt", "summary"), LABEL_LEVEL
)
_LABELS = frozenset({"caption", "legend"})
_TABLE_PARTS = frozenset({"thead", "tbody", "tfoot", "tr"})
_MAX_TABLES_DEEP = 8
# The parser of the standard library takes minutes for 200 kB of brackets that nothing closes, so
# it only gets to see those that open a tag; the others are text.
_STRAY = re.compile(r"<(?![/!?]?[a-zA-Z][^<>]{0,2000}>)")
_TAG = re.compile(r"<[^<>]*>")
_BRACKET = "\ue000"


def html_blocks(source: str, start: int = 0, end: int | None = None) -> list[Block]:
    """The headings, paragraphs, list items and tables of characters `[start, end)` of an HTML text.

    Raises:
        InputError: they have more than `MAX_HTML_ELEMENTS`.
    """
    return _read(source[start:end], start).blocks


def plain_html(source: str) -> str:
    """A stretch of HTML as a person reads it: without tags."""
    return collapse_space(unescape(_TAG.sub(" ", source)))


def html_title(source: str) -> str:
    """The document's `<title>`, or else its first heading, or an empty text.

    Raises:
        InputError: it has more than `MAX_HTML_ELEMENTS`.
    """
    reader = _read(source, 0)
    return collapse_space("".join(reader.title)) or first_heading(reader.blocks)


def _read(source: str, offset: int) -> "_Reader":
    shown = _STRAY.sub(_BRACKET, _without_comments(source))
    reader = _Reader(shown, offset)
    reader.feed(shown)
    reader.close()
    reader.finish()
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


class _Reader(HTMLParser):
    """Reads once from the beginning to the end; what it has open are counters and few tables."""

    def __init__(self, source: str, offset: int) -> None:
        super().__init__(convert_charrefs=False)
        self.blocks: list[Block] = []
        self.title: list[str] = []
        lengths = (len(line) + 1 for line in source.split("\n"))
        self._line_starts = list(accumulate(lengths, initial=offset))
        self._open = BlockText()
        self._tables: list[HtmlTable] = []
        self._elements = 0
        self._hidden_by = ""
        self._hidden_depth = 0
        self._level = 0
        self._is_label = False
        self._in_title = False
        self._in_link = False
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens a block where the tag does.

        Raises:
            InputError: there are too many.
        """
        self._count()
        if tag == "title":
            self._in_title = True
        elif tag == "body":
            self._hidden_depth = 0
        elif tag in _HIDDEN and not self._hidden_depth:
            self._hidden_by, self._hidden_depth = tag, 1
        elif self._hidden_depth and tag == self._hidden_by:
            self._hidden_depth += 1
        if tag == "a":
            target = dict(attrs).get("href") or ""
            self._in_link = bool(target) and not target.startswith(("tel:", "mailto:"))
        if tag not in INLINE_TAGS:
            self._end_block()
            self._level = _LEVELS.get(tag, 0)
            self._is_label = tag in _LABELS
            self._preformatted += tag == "pre"
            if not self._hidden_depth:
                self._open_table_part(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself separates blocks, and contains nothing."""
        self._count()
        if tag not in INLINE_TAGS:
            self._end_block()

    def handle_endtag(self, tag: str) -> None:
        """Closes a block where the tag does."""
        if tag == "title":
            self._in_title = False
        if self._hidden_depth and tag == self._hidden_by:
            self._hidden_depth -= 1
        if tag == "a":
            self._in_link = False
        if tag not in INLINE_TAGS:
            self._end_block()
            self._level = 0
            self._is_label = False
            self._preformatted = max(0, self._preformatted - (tag == "pre"))
            self._close_table_part(tag)

    def handle_data(self, data: str) -> None:
        """Text as it stands."""
        self._add(data.replace(_BRACKET, "<"), len(data), one_to_one=True)

    def handle_entityref(self, name: str) -> None:
        """A named character."""
        self._reference(f"&{name}")

    def handle_charref(self, name: str) -> None:
        """A numbered character."""
        self._reference(f"&#{name}")

    def finish(self) -> None:
        """Ends what the source left open."""
        self._end_block()
        while self._tables:
            self._end_table()

    def _count(self) -> None:
        self._elements += 1
        if self._elements > MAX_HTML_ELEMENTS:
            raise InputError(
                f"the HTML has more than {MAX_HTML_ELEMENTS} elements: split it", param="text"
            )

    def _reference(self, written: str) -> None:
        text = unescape(f"{written};")
        if text == f"{written};":
            text = written
        self._add(text, len(written), one_to_one=False)

    def _add(self, text: str, source_length: int, *, one_to_one: bool) -> None:
        if self._in_title:
            self.title.append(text)
        elif not self._hidden_depth:
            line, column = self.getpos()
            start = self._line_starts[line - 1] + column
            self._open.add(
                text, start, start + source_length, one_to_one=one_to_one, in_link=self._in_link
            )

    def _end_block(self) -> None:
        """Makes a block of what was read since the last one."""
        text, self._open = self._open, BlockText()
        block = text.block(
            level=self._level, is_label=self._is_label, is_code=self._preformatted > 0
        )
        if block is not None:
            self._put([block])

    def _put(self, blocks: Sequence[Block]) -> None:
        if self._tables:
            self._tables[-1].put(blocks)
        else:
            self.blocks.extend(blocks)

    def _open_table_part(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table" and len(self._tables) < _MAX_TABLES_DEEP:
            self._tables.append(HtmlTable())
        elif self._tables and tag in _TABLE_PARTS:
            self._tables[-1].end_row()
            self._tables[-1].in_head = tag == "thead" or (tag == "tr" and self._tables[-1].in_head)
        elif self._tables and tag in ("td", "th"):
            self._tables[-1].open_cell(dict(attrs), is_heading=tag == "th")

    def _close_table_part(self, tag: str) -> None:
        if tag == "table" and self._tables:
            self._end_table()
        elif self._tables and tag in ("td", "th"):
            self._tables[-1].close_cell()
        elif self._tables and tag in _TABLE_PARTS:
            self._tables[-1].end_row()
            self._tables[-1].in_head &= tag != "thead"

    def _end_table(self) -> None:
        blocks = self._tables.pop().finish()
        if self._tables:
            self._tables[-1].put_table(blocks)
        else:
            self.blocks.extend(blocks)
