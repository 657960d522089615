"""Documents cut into passages that the backbone can read whole."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.text.blocks import Block, BlockKind, Sentence, collapse_space
from shared.text.html import html_blocks, plain_html
from shared.text.markdown import markdown_blocks, plain_markdown
from shared.text.plain import plain_blocks

MAX_TOKENS = 200
"""The backbone reads 256; the rest is room for what the estimate misses."""

PASSAGE_TOKENS = 100
"""A judge reads ten of these beside a question in less time than four of twice the length, finds
the answer among them as often, and the search finds the right document a little more often."""

SPLITTING = 6
"""Counts up when the same document would be cut otherwise: stored indexes are then rebuilt."""

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
_CLEAN = {
    TextFormat.PLAIN: collapse_space,
    TextFormat.MARKDOWN: plain_markdown,
    TextFormat.HTML: plain_html,
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
    source: str, text_format: TextFormat, *, max_tokens: int = PASSAGE_TOKENS
) -> list[Passage]:
    """Cuts a document by its structure; no passage is estimated to exceed `max_tokens`.

    Blocks stay whole where they fit; a heading opens a passage and stays with what follows it.

    Raises:
        InputError: the document exceeds a limit of `shared.text.limits`.
    """
    packing = _Packing(source, text_format, max_tokens)
    for block in _BLOCKS[text_format](source):
        packing.add(block)
    return packing.finish()


class _Packing:
    """The passage that is being filled, and those that are full."""

    def __init__(self, source: str, text_format: TextFormat, max_tokens: int) -> None:
        self._source = source
        self._format = text_format
        self._max_tokens = max_tokens
        self._passages: list[Passage] = []
        self._pending: list[Sentence] = []
        self._tokens = 0
        self._only_headings = True

    def add(self, block: Block) -> None:
        if block.kind is BlockKind.HEADING and not self._only_headings:
            self.finish()
        for sentences, tokens in self._pieces(block):
            if self._tokens + tokens > self._max_tokens:
                self.finish()
            self._pending.extend(sentences)
            self._tokens += tokens
            self._only_headings &= block.kind is BlockKind.HEADING

    def finish(self) -> list[Passage]:
        if self._pending:
            self._passages.append(Passage.of(self._source, self._pending))
        self._pending, self._tokens, self._only_headings = [], 0, True
        return self._passages

    def _pieces(self, block: Block) -> Iterator[tuple[Sequence[Sentence], int]]:
        """The block whole if it fits, else its sentences one by one, else parts of a sentence."""
        counts = [estimate_tokens(sentence.text) for sentence in block.sentences]
        if sum(counts) <= self._max_tokens:
            yield block.sentences, sum(counts)
            return
        for sentence, tokens in zip(block.sentences, counts, strict=True):
            if tokens <= self._max_tokens:
                yield [sentence], tokens
            else:
                for part in self._cut(sentence):
                    yield [part], estimate_tokens(part.text)

    def _cut(self, sentence: Sentence) -> Iterator[Sentence]:
        """Parts of one overlong sentence, cut between words where there are any."""
        start = sentence.start
        while start < sentence.end:
            end = _reach(self._source, start, sentence.end, self._max_tokens)
            if self._format is TextFormat.HTML:
                end = _before_tag(self._source, start, end)
            source = self._source[start:end]
            text = source.strip() if "\n" in sentence.text else ""
            opens_line = sentence.opens_line and start == sentence.start
            text = text or _CLEAN[self._format](source)
            part = replace(sentence, start=start, end=end, text=text, opens_line=opens_line)
            if part.text:
                yield part
            start = end


def _before_tag(source: str, start: int, end: int) -> int:
    """`end`, or where the tag begins that it stands in."""
    tag = source.rfind("<", start, end)
    return tag if tag > max(start, source.rfind(">", start, end)) else end


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
