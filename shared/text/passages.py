"""Documents cut into passages that the backbone can read whole."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.text.blocks import Block, BlockKind, Sentence, collapse_space
from shared.text.html import html_blocks
from shared.text.markdown import markdown_blocks
from shared.text.plain import plain_blocks

MAX_TOKENS = 200
"""The backbone reads 256; the rest is room for what the estimate misses."""

SPLITTING = 1
"""Counts up when the same document would be cut otherwise: stored indexes are then made anew."""

_WORD = re.compile(r"[^\W\d_]{1,9}|\d{1,3}|[^\w\s]|_", re.UNICODE)
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class TextFormat(StrEnum):
    """How a document's text is written."""

    PLAIN = "plain"
    MARKDOWN = "markdown"
    HTML = "html"


_BLOCKS = {
    TextFormat.PLAIN: plain_blocks,
    TextFormat.MARKDOWN: markdown_blocks,
    TextFormat.HTML: html_blocks,
}


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document that is indexed and cited as one.

    `source` is characters `[start, end)` of the document's text: what is cited is exactly there.
    """

    start: int
    end: int
    source: str
    sentences: tuple[Sentence, ...]

    @classmethod
    def of(cls, document: str, sentences: Sequence[Sentence]) -> "Passage":
        """The passage that these sentences of a document make; at least one."""
        start, end = sentences[0].start, sentences[-1].end
        return cls(start, end, document[start:end], tuple(sentences))

    def quote(self, first: Sentence, last: Sentence) -> str:
        """The document's own characters from one of the passage's sentences to another."""
        return self.source[first.start - self.start : last.end - self.start]

    @property
    def text(self) -> str:
        """The passage as a person reads it."""
        return join_sentences(self.sentences)


def join_sentences(sentences: Iterable[Sentence]) -> str:
    """Sentences in reading order, with the line breaks that the document has between them."""
    parts: list[str] = []
    for sentence in sentences:
        if parts:
            parts.append("\n" if sentence.opens_line else " ")
        parts.append(sentence.text)
    return "".join(parts)


def estimate_tokens(text: str) -> int:
    """About how many tokens a WordPiece tokenizer makes of a text, without one at hand."""
    return len(_WORD.findall(text)) + len(_WIDE.findall(text))


def split_passages(
    source: str, text_format: TextFormat, *, max_tokens: int = MAX_TOKENS
) -> list[Passage]:
    """Cuts a document by its structure; no passage is estimated to exceed `max_tokens`.

    Blocks stay whole where they fit; a heading opens a passage and stays with what follows it.
    """
    passages: list[Passage] = []
    pending: list[Sentence] = []
    for block in _BLOCKS[text_format](source):
        if block.kind is BlockKind.HEADING and not all(s.is_heading for s in pending):
            passages.append(Passage.of(source, pending))
            pending = []
        pieces = list(_fit(source, block, max_tokens))
        whole = [sentence for piece in pieces for sentence in piece]
        if len(pieces) == 1 and _tokens([*pending, *whole]) <= max_tokens:
            pending.extend(whole)
            continue
        for piece in pieces:
            if pending and _tokens([*pending, *piece]) > max_tokens:
                passages.append(Passage.of(source, pending))
                pending = []
            pending.extend(piece)
    if pending:
        passages.append(Passage.of(source, pending))
    return passages


def _tokens(sentences: Iterable[Sentence]) -> int:
    return sum(estimate_tokens(sentence.text) for sentence in sentences)


def _fit(source: str, block: Block, max_tokens: int) -> Iterator[list[Sentence]]:
    """The block whole if it fits, else its sentences one by one, else parts of a sentence."""
    if _tokens(block.sentences) <= max_tokens:
        yield list(block.sentences)
        return
    for sentence in block.sentences:
        if estimate_tokens(sentence.text) <= max_tokens:
            yield [sentence]
        else:
            for part in _cut(source, sentence, max_tokens):
                yield [part]


def _cut(source: str, sentence: Sentence, max_tokens: int) -> Iterator[Sentence]:
    """Parts of one overlong sentence, cut between words where there are any."""
    start = sentence.start
    part = sentence
    while start < sentence.end:
        end = _reach(source, start, sentence.end, max_tokens)
        text = source[start:end].strip() if "\n" in sentence.text else ""
        part = replace(
            sentence,
            start=start,
            end=end,
            text=text or collapse_space(source[start:end]),
            opens_line=sentence.opens_line and start == sentence.start,
        )
        if part.text:
            yield part
        start = end


def _reach(source: str, start: int, limit: int, max_tokens: int) -> int:
    """Where the longest stretch from `start` of at most `max_tokens` words ends."""
    end = start
    budget = max_tokens
    for match in _WORD.finditer(source, start, limit):
        budget -= 1 + len(_WIDE.findall(match[0]))
        if budget < 0:
            break
        end = match.end()
    else:
        end = limit
    return max(end, min(start + 1, limit))
