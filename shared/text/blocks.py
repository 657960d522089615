"""What a document is made of before it is cut into passages: blocks of sentences."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.text.sentences import split_sentences


class BlockKind(StrEnum):
    """What a block is to a reader."""

    HEADING = "heading"
    TEXT = "text"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, list item, table row or line of code.

    `text` is what a person reads; `[start, end)` are the characters of the document that say it.
    `opens_line` is whether it begins a line of its own (a list item, a new paragraph).
    """

    start: int
    end: int
    text: str
    opens_line: bool
    is_heading: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Sentences that belong together; `level` is a heading's depth (1 is the highest), or 0."""

    kind: BlockKind
    sentences: tuple[Sentence, ...]
    level: int = 0


Clean = Callable[[str], str]

_SPACE = re.compile(r"\s+")


def collapse_space(text: str) -> str:
    """The text in one line, with single spaces."""
    return _SPACE.sub(" ", text).strip()


def block_of(
    source: str,
    ranges: Iterable[tuple[int, int]],
    *,
    kind: BlockKind = BlockKind.TEXT,
    level: int = 0,
    clean: Clean = collapse_space,
) -> Block:
    """A block from ranges of the source, each of which opens a line and is cut into sentences.

    Code is not cut: its lines mean nothing alone.
    """
    sentences: list[Sentence] = []
    for start, end in ranges:
        part = source[start:end]
        pieces = [(0, len(part))] if kind is BlockKind.CODE else split_sentences(part)
        opens_line = True
        for low, high in pieces:
            if text := clean(part[low:high]):
                heading = kind is BlockKind.HEADING
                sentences.append(Sentence(start + low, start + high, text, opens_line, heading))
                opens_line = part[high : high + 2].strip(" ").startswith("\n")
    return Block(kind, tuple(sentences), level)
