"""Answers made of a passage's own sentences, in its own order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.retrieval.index import Hit
from shared.retrieval.sparse import tokenize
from shared.text.blocks import Sentence
from shared.text.passages import estimate_tokens, join_sentences

SENTENCES = 3
"""How many sentences an answer has: of doc2dial's gold answers three that begin at the best one
hold 69 % of the words, two hold 62 %, the first three of the passage 55 %."""

_LIST_SENTENCES = 10
_LIST_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s")


@dataclass(frozen=True, slots=True)
class Extract:
    """Sentences of one passage; `source` is characters `[start, end)` of the document's text.

    `is_cut` is whether the limit of tokens left something out.
    """

    text: str
    source: str
    start: int
    end: int
    is_cut: bool


def extract(
    hit: Hit, word_weights: Mapping[str, float], *, max_tokens: int | None = None
) -> Extract:
    """The sentences of a passage that answer best, one after another as they stand there.

    It begins at the sentence that shares the most telling words with the question (of an answer in
    a FAQ: at the first), and does not break a list apart.
    """
    passage = hit.passage
    sentences = [s for s in passage.sentences if not s.is_heading] or list(passage.sentences)
    first = 0 if hit.entry.is_faq else _best(sentences, word_weights)
    first = _list_start(sentences, first)
    chosen = sentences[first : _end(sentences, first)]
    kept = _within(chosen, max_tokens)
    text = join_sentences(kept)
    if max_tokens is not None and len(kept) == 1:
        text = _first_words(text, max_tokens)
    return Extract(
        text,
        passage.quote(kept[0], kept[-1]),
        kept[0].start,
        kept[-1].end,
        is_cut=len(kept) < len(chosen) or text != join_sentences(kept),
    )


def _best(sentences: Sequence[Sentence], word_weights: Mapping[str, float]) -> int:
    """The sentence that shares the most weight of words with the question; the first of equals."""

    def shared(number: int) -> float:
        return sum(word_weights.get(word, 0.0) for word in set(tokenize(sentences[number].text)))

    return max(range(len(sentences)), key=lambda number: (shared(number), -number))


def _list_start(sentences: Sequence[Sentence], number: int) -> int:
    """Where the list begins that a sentence stands in, with the sentence that introduces it."""
    start = number
    while start and _is_item(sentences[start]):
        start -= 1
    inside = start < number and number - start < _LIST_SENTENCES
    if not inside or _is_item(sentences[start]):
        return start if inside else number
    return start if sentences[start].text.endswith(":") else start + 1


def _end(sentences: Sequence[Sentence], first: int) -> int:
    """Where the answer ends: after enough sentences, or after the list that they stand in."""
    end = min(first + SENTENCES, len(sentences))
    while (
        end < min(first + _LIST_SENTENCES, len(sentences))
        and _is_item(sentences[end])
        and (_is_item(sentences[end - 1]) or sentences[end - 1].text.endswith(":"))
    ):
        end += 1
    return end


def _is_item(sentence: Sentence) -> bool:
    return sentence.opens_line and _LIST_ITEM.match(sentence.text) is not None


def _within(sentences: Sequence[Sentence], max_tokens: int | None) -> Sequence[Sentence]:
    """The first sentences that fit, at least one."""
    if max_tokens is None:
        return sentences
    left = max_tokens
    for number, sentence in enumerate(sentences):
        left -= estimate_tokens(sentence.text)
        if left < 0:
            return sentences[: max(1, number)]
    return sentences


def _first_words(text: str, max_tokens: int) -> str:
    while estimate_tokens(text) > max_tokens and " " in text:
        text = text.rpartition(" ")[0]
    return text
