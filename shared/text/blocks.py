"""What a document is made of before it is cut into passages: blocks of sentences."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from shared.text.sentences import split_sentences


class BlockKind(StrEnum):
    """What a block is to a reader."""

    HEADING = "heading"
    TEXT = "text"
    CODE = "code"


class SentenceKind(StrEnum):
    """What a sentence is to somebody who looks for an answer: alone, headings and links say none.

    A `ROW` is a whole row of a table, with the headings of its columns. A `LINK` is nothing but
    links to other pages.
    """

    TEXT = "text"
    HEADING = "heading"
    ROW = "row"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, list item, table row or line of code.

    `text` is what a person reads; `[start, end)` are the characters of the document that say it.
    `opens_line` is whether it begins its own line (a list item, a new paragraph).
    """

    start: int
    end: int
    text: str
    opens_line: bool
    kind: SentenceKind = SentenceKind.TEXT


LABEL_LEVEL = 7
"""Of what names the text after it without being a heading by its tag: a bold line, a term."""


@dataclass(frozen=True, slots=True)
class Block:
    """Sentences that belong together; `level` is a heading's depth (1 is the highest), or 0."""

    kind: BlockKind
    sentences: tuple[Sentence, ...]
    level: int = 0


def first_heading(blocks: Iterable[Block]) -> str:
    """The first heading that is one by its tag, or an empty text."""
    headings = (block for block in blocks if 0 < block.level < LABEL_LEVEL)
    return " ".join(sentence.text for block in islice(headings, 1) for sentence in block.sentences)


Clean = Callable[[str], str]
KindOf = Callable[[str], SentenceKind]
"""Tells from a sentence's characters in the document what it is."""

_SPACE = re.compile(r"\s+")


def collapse_space(text: str) -> str:
    """The text in one line, with single spaces."""
    return _SPACE.sub(" ", text).strip()


def sentences_of(
    source: str,
    start: int,
    end: int,
    *,
    clean: Clean = collapse_space,
    kind_of: KindOf = lambda _: SentenceKind.TEXT,
) -> Iterator[Sentence]:
    """The sentences of a stretch of the source, which opens a line."""
    part = source[start:end]
    opens_line = True
    for low, high in split_sentences(part):
        if text := clean(part[low:high]):
            kind = kind_of(part[low:high])
            yield Sentence(start + low, start + high, text, opens_line, kind)
            opens_line = part[high : high + 2].strip(" ").startswith("\n")


def heading_of(source: str, start: int, end: int, *, level: int, clean: Clean) -> Block:
    """A heading from a stretch of the source."""
    found = sentences_of(source, start, end, clean=clean, kind_of=lambda _: SentenceKind.HEADING)
    return Block(BlockKind.HEADING, tuple(found), level)


def code_of(source: str, start: int, end: int) -> Block:
    """Code from a stretch of the source: it is not cut, its lines mean nothing alone."""
    text = source[start:end].strip("\n")
    sentences = (Sentence(start, end, text, opens_line=True),) if text else ()
    return Block(BlockKind.CODE, sentences)
