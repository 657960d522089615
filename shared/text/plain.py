"""Plain text as blocks: paragraphs are what blank lines separate."""

import re
from collections.abc import Iterator

from shared.text.blocks import Block, BlockKind, sentences_of

_BLANK_LINES = re.compile(r"\n\s*\n")


def plain_blocks(source: str) -> list[Block]:
    """The paragraphs of a plain text."""
    found = (
        Block(BlockKind.TEXT, tuple(sentences_of(source, start, end)))
        for start, end in _paragraphs(source)
    )
    return [block for block in found if block.sentences]


def _paragraphs(source: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _BLANK_LINES.finditer(source):
        yield start, match.start()
        start = match.end()
    yield start, len(source)
