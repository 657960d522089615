"""Markdown as blocks, by the line maps of its parser.

Source: CommonMark 0.31 with GitHub's tables, as markdown-it-py reads them. Only the block phase
runs: inline markup is removed by `plain_markdown`, so that offsets stay those of the source.
"""

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from shared.text.blocks import Block, BlockKind, block_of, collapse_space

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
# Every repetition below stops at what begins the next match, or is bounded: none is quadratic.
_TARGET = r"\([^()\s]*(?:\s\"[^\"()]*\")?\)"
_IMAGE = re.compile(rf"!\[([^\[\]]*)\]{_TARGET}")
_LINK = re.compile(rf"\[([^\[\]]+)\]{_TARGET}")
_EMPHASIS = re.compile(r"(?<!\\)(?:\*\*|__|~~|\*|`+|(?<!\w)_(?=\S)|(?<=\S)_(?!\w))")
_HEADING_MARKS = re.compile(r"\A\s*#{1,6}\s+|(?<!\s)\s+#+\s*\Z|(?<!\s)\s*\n[=-]+\s*\Z")
_QUOTE_MARKS = re.compile(r"(?:^|\n)[^\S\n]*(?:>[^\S\n]?)+")
_TABLE_RULE = re.compile(r"[|:\s-]+")
_TAG = re.compile(r"<!--[^<>]{0,1000}-->|</?[a-zA-Z][^<>]*>")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def plain_markdown(source: str) -> str:
    """A stretch of Markdown as a person reads it: without emphasis, links' targets and tags."""
    text = _HEADING_MARKS.sub("", source)
    text = _QUOTE_MARKS.sub(" ", text)
    text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
    text = _EMPHASIS.sub("", _TAG.sub("", text))
    return collapse_space(_ESCAPE.sub(r"\1", text))


def markdown_blocks(source: str) -> list[Block]:
    """The headings, paragraphs, lists, tables and code of a Markdown text."""
    lines = [match.span() for match in _LINE.finditer(source)]
    tokens = _parser().parse(source)
    blocks = [_block(source, lines, group) for group in _top_level(tokens)]
    return [block for block in blocks if block.sentences]


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _top_level(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """The tokens of each block that stands in no other block."""
    first = 0
    for number, token in enumerate(tokens):
        if token.level == 0 and token.nesting <= 0:
            yield tokens[first : number + 1]
            first = number + 1


def _block(source: str, lines: list[tuple[int, int]], tokens: Sequence[Token]) -> Block:
    head = tokens[0]
    if head.type in ("fence", "code_block"):
        return block_of(
            source, _ranges(lines, [head]), kind=BlockKind.CODE, clean=lambda code: code.strip("\n")
        )
    if head.type == "heading_open":
        return block_of(
            source,
            _ranges(lines, [head]),
            kind=BlockKind.HEADING,
            level=int(head.tag[1:]),
            clean=plain_markdown,
        )
    if head.type == "table_open":
        low, high = head.map or [0, 0]
        rows = (line for line in lines[low:high] if not _TABLE_RULE.fullmatch(source[slice(*line)]))
        return block_of(source, rows, clean=plain_markdown)
    leaves = [t for t in tokens if t.type in ("inline", "fence", "code_block", "html_block")]
    return block_of(source, _ranges(lines, leaves), clean=plain_markdown)


def _ranges(lines: list[tuple[int, int]], tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    for token in tokens:
        if token.map is not None:
            low, high = token.map
            yield lines[low][0], lines[high - 1][1]
