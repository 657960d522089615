"""Markdown as blocks, by the line maps of its parser.

Source: CommonMark 0.31 with GitHub's tables, as markdown-it-py reads them. Only the block phase
runs: inline markup is removed by `plain_markdown`, so that offsets stay those of the source.
"""

import re
from collections.abc import Iterator, Sequence
from html import unescape

from markdown_it import MarkdownIt
from markdown_it.token import Token

from shared.errors import InputError
from shared.text.blocks import (
    LABEL_LEVEL,
    Block,
    BlockKind,
    Sentence,
    SentenceKind,
    code_of,
    collapse_space,
    first_heading,
    heading_of,
    sentences_of,
)
from shared.text.html import INLINE_TAGS, OTHER_TAGS, html_blocks
from shared.text.limits import MAX_MARKDOWN_DEPTH
from shared.text.tables import Cell, Table, is_too_long

_TITLE_WITHIN = 20_000
_FIRST_HEADING = re.compile(r"(?:\A#|(?:\A|\n[^\S\n]*\n)##)#{0,4} +\S")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
# Every repetition below stops at what begins the next match, or is bounded: none is quadratic.
_TARGET = r"(?:\([^()\s]*(?:\s\"[^\"()]*\")?\)|\[[^\[\]]*\])"
_IMAGE = re.compile(rf"!\[([^\[\]]*)\]{_TARGET}")
_LINK = re.compile(rf"\[([^\[\]]+)\]{_TARGET}")
_PAGE_LINK = re.compile(
    r"\[[^\[\]]+\](?:\((?!tel:|mailto:)[^()\s]*(?:\s\"[^\"()]*\")?\)|\[[^\[\]]*\])"
)
_NO_WORDS = re.compile(r"(?:[\W_]|\d+[.)]\s)*")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]+|[^<>\s@]+@[^<>\s@]+)>")
_EMPHASIS = re.compile(r"(?<!\\)(?:\*\*|__|~~|\*|`+|(?<!\w)_(?=\S)|(?<=\S)_(?!\w))")
_HEADING_MARKS = re.compile(r"\A\s*#{1,6}\s+|(?<!\s)\s+#+\s*\Z|(?<!\s)\s*\n[=-]+\s*\Z")
_QUOTE_MARKS = re.compile(r"(?:^|\n)[^\S\n]*(?:>[^\S\n]?)+")
_COMMENT = re.compile(r"<!--[^<>]{0,1000}-->")
_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)(?:\s[^<>]*)?/?>")
_CHARACTER = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|\w{2,31});")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_BOLD_LINE = re.compile(r"\s*(\*\*|__)(?=\S)[^*_\n]{1,100}(?<![.!?\s])\1\s*")


def plain_markdown(source: str) -> str:
    """A stretch of Markdown as a person reads it: without emphasis, links' targets and tags."""
    text = _HEADING_MARKS.sub("", _QUOTE_MARKS.sub(" ", source))
    text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
    text = _TAG.sub(_without_tag, _COMMENT.sub("", _AUTOLINK.sub(r"\1", text)))
    text = _ESCAPE.sub(r"\1", _EMPHASIS.sub("", text))
    return collapse_space(_CHARACTER.sub(lambda match: unescape(match[0]), text))


def looks_like_markdown(source: str) -> bool:
    """Whether a text has what plain text has not: Markdown's headings or tables.

    One `#` after an empty line may be a comment in a script, so it says so at the start alone.
    """
    return _FIRST_HEADING.search(source) is not None or any(
        "|" in line and "---" in line and not line.strip("|:- \t\r") for line in source.split("\n")
    )


def markdown_title(source: str) -> str:
    """The first heading of the first pages, or an empty text.

    Raises:
        InputError: see `markdown_blocks`.
    """
    return first_heading(markdown_blocks(source[:_TITLE_WITHIN]))


def markdown_blocks(source: str) -> list[Block]:
    """The headings, paragraphs, lists, tables and code of a Markdown text.

    Raises:
        InputError: it nests deeper than `MAX_MARKDOWN_DEPTH`.
    """
    lines = [match.span() for match in _LINE.finditer(source)]
    tokens = _parser().parse(source)
    # At its limit the parser leaves out what is nested deeper, without a word.
    if any(token.level >= MAX_MARKDOWN_DEPTH - 1 for token in tokens):
        raise InputError(
            f"the Markdown nests deeper than {MAX_MARKDOWN_DEPTH} levels: write its lists and "
            "quotations flatter",
            param="text",
        )
    found = (block for group in _top_level(tokens) for block in _blocks(source, lines, group))
    return [block for block in found if block.sentences]


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": MAX_MARKDOWN_DEPTH}).enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _without_tag(match: re.Match[str]) -> str:
    """What stands in a tag's place; a name in angle brackets that no tag has stays."""
    name = match[1].lower()
    if name in INLINE_TAGS:
        return ""
    return " " if name in OTHER_TAGS else match[0]


def _top_level(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """The tokens of each block that stands in no other block; HTML that goes on is one."""
    first = 0
    for number, token in enumerate(tokens):
        following = tokens[number + 1].type if number + 1 < len(tokens) else ""
        if token.level == 0 and token.nesting <= 0:
            if token.type == following == "html_block":
                continue
            yield tokens[first : number + 1]
            first = number + 1


def _blocks(
    source: str, lines: Sequence[tuple[int, int]], tokens: Sequence[Token]
) -> Iterator[Block]:
    head = tokens[0]
    start, end = _stretch(lines, head)
    if head.type in ("fence", "code_block"):
        yield code_of(source, start, end)
    elif head.type == "heading_open":
        start, end = _stretch(lines, tokens[1])
        yield heading_of(source, start, end, level=int(head.tag[1:]), clean=plain_markdown)
    elif head.type == "paragraph_open" and _BOLD_LINE.fullmatch(source, start, end):
        yield heading_of(source, start, end, level=LABEL_LEVEL, clean=plain_markdown)
    elif head.type == "html_block":
        yield from html_blocks(source, start, _stretch(lines, tokens[-1])[1])
    else:
        yield Block(BlockKind.TEXT, tuple(_sentences(source, lines, tokens)))


def _sentences(
    source: str, lines: Sequence[tuple[int, int]], tokens: Sequence[Token]
) -> Iterator[Sentence]:
    """The sentences of a paragraph, a table, or of what a list or quotation contains."""
    number = 0
    while number < len(tokens):
        token = tokens[number]
        if token.type == "table_open":
            first = number
            while tokens[number].type != "table_close":
                number += 1
            yield from _rows(source, lines, tokens[first:number])
        elif token.type == "html_block":
            for block in html_blocks(source, *_stretch(lines, token)):
                yield from block.sentences
        elif token.type in ("inline", "fence", "code_block"):
            start, end = _stretch(lines, token)
            if tokens[number - 1].type == "heading_open":
                yield from heading_of(source, start, end, level=0, clean=plain_markdown).sentences
            else:
                yield from sentences_of(source, start, end, clean=plain_markdown, kind_of=_kind)
        number += 1


def _rows(
    source: str, lines: Sequence[tuple[int, int]], tokens: Sequence[Token]
) -> Iterator[Sentence]:
    """The rows of a table: each is one sentence, or several where it is too long for a passage."""
    table = Table()
    cells: list[Cell] = []
    row, is_heading = (0, 0), False
    for token in tokens:
        if token.type == "tr_open":
            start, end = _stretch(lines, token)
            row, cells = (start, start + len(source[start:end].rstrip())), []
        elif token.type in ("th_open", "td_open"):
            is_heading = token.type == "th_open"
        elif token.type == "inline":
            cells.append(Cell(plain_markdown(token.content), *row))
        elif token.type == "tr_close":
            if is_too_long(cells):
                yield from table.take()
                yield from sentences_of(source, *row, clean=plain_markdown)
            else:
                table.add(cells, is_heading=is_heading)
    yield from table.take()


def _stretch(lines: Sequence[tuple[int, int]], token: Token) -> tuple[int, int]:
    return (lines[token.map[0]][0], lines[token.map[1] - 1][1]) if token.map else (0, 0)


def _kind(source: str) -> SentenceKind:
    """A link where nothing but marks of a list and punctuation stands beside links to pages."""
    rest, links = _PAGE_LINK.subn("", source)
    return SentenceKind.LINK if links and _NO_WORDS.fullmatch(rest) else SentenceKind.TEXT
