"""Plain text as blocks: paragraphs are what blank lines separate."""

import re
from collections.abc import Iterator

from shared.text.blocks import Block, block_of

_BLANK_LINES = re.compile(r"\n\s*\n")


def plain_blocks(source: str) -> list[Block]:
    """The paragraphs of a plain text."""
    blocks = (block_of(source, [paragraph]) for paragraph in _paragraphs(source))
    return [block for block in blocks if block.sentences]


def _paragraphs(source: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _BLANK_LINES.finditer(source):
        yield start, match.start()
        start = match.end()
    yield start, len(source)
