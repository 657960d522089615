"""Answers made of a passage's own sentences, in its own order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.support.answers.pointers import only_points_elsewhere
from shared.retrieval.index import Hit
from shared.retrieval.sparse import tokenize
from shared.text.blocks import Sentence, SentenceKind
from shared.text.passages import Passage, estimate_tokens, join_sentences

SENTENCES = 3
"""How many sentences an answer has."""

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
) -> Extract | None:
    """The sentences of a document that answer best, one after another as they stand there.

    It begins at the sentence of the hit's passage that shares the most telling words with the
    question (of an answer in a FAQ: at the first), and does not break a list apart. Of a table it
    takes the rows that fit best, each whole. Where the passage says nothing (see `says_something`)
    another one of the document is taken; None where none says anything.
    """
    passage = _passage(hit, word_weights)
    if passage is None:
        return None
    sentences = _section(passage, word_weights)
    first = 0 if hit.entry.is_faq else _best(sentences, word_weights)
    if sentences[first].kind is SentenceKind.ROW:
        chosen = sentences[first : _end_of_rows(sentences, first, word_weights)]
    else:
        first = _list_start(sentences, first)
        chosen = sentences[first : _end(sentences, first)]
        if not hit.entry.is_faq:
            chosen = _without_pointers_after(chosen)
            question = _question_before(passage, chosen[0], hit.entry.title)
            chosen = [*question, *chosen]
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


def says_something(sentences: Sequence[Sentence], number: int) -> bool:
    """Whether an answer may begin at a sentence.

    Headings, links and sentences that only point elsewhere say nothing; a question or an
    introduction says what the sentences after it say.
    """
    for sentence in sentences[number : number + SENTENCES]:
        if sentence.kind is SentenceKind.ROW:
            return True
        if sentence.kind is not SentenceKind.TEXT or only_points_elsewhere(sentence.text):
            return False
        if not sentence.text.endswith((":", "?", "：", "？")):
            return True
    return False


def _question_before(passage: Passage, first: Sentence, title: str) -> Sequence[Sentence]:
    """The question in a heading that an answer begins under: "yes" alone answers any.

    The document's title is shown beside the answer anyway.
    """
    number = passage.sentences.index(first) - 1
    before = passage.sentences[number : number + 1] if number >= 0 else ()
    return [
        each
        for each in before
        if each.kind is SentenceKind.HEADING
        and each.text.endswith(("?", "？"))
        and each.text != title
    ]


def can_answer(hit: Hit) -> bool:
    """Whether `extract` finds an answer in the hit's document; what a FAQ answers always is one."""
    return hit.entry.is_faq or any(map(_says_anything, hit.entry.passages))


def _passage(hit: Hit, word_weights: Mapping[str, float]) -> Passage | None:
    """The hit's passage, or the one of the same document that fits best, where it says nothing."""
    if hit.entry.is_faq or _says_anything(hit.passage):
        return hit.passage
    speaking = [passage for passage in hit.entry.passages if _says_anything(passage)]
    return max(speaking, key=lambda p: _shared(p.text, word_weights), default=None)


def _says_anything(passage: Passage) -> bool:
    sentences = passage.sentences
    return any(says_something(sentences, number) for number in range(len(sentences)))


def _section(passage: Passage, word_weights: Mapping[str, float]) -> Sequence[Sentence]:
    """The passage without its headings; of several parts with headings the one that fits best."""
    parts: list[list[Sentence]] = [[]]
    names = [""]
    for sentence in passage.sentences:
        if sentence.kind is not SentenceKind.HEADING:
            parts[-1].append(sentence)
        elif parts[-1]:
            parts.append([])
            names.append(sentence.text)
        else:
            names[-1] += f" {sentence.text}"
    speaking = [
        number
        for number, part in enumerate(parts)
        if any(says_something(part, place) for place in range(len(part)))
    ]

    def fit(number: int) -> tuple[float, int]:
        text = " ".join([names[number], *(sentence.text for sentence in parts[number])])
        return _shared(text, word_weights), -number

    return parts[max(speaking, key=fit)] if speaking else passage.sentences


def _shared(text: str, word_weights: Mapping[str, float]) -> float:
    """The weight of the question's words that a text has."""
    return sum(word_weights.get(word, 0.0) for word in set(tokenize(text)))


def _best(sentences: Sequence[Sentence], word_weights: Mapping[str, float]) -> int:
    """The sentence that shares the most weight of words with the question; the first of equals."""
    speaking = (number for number in range(len(sentences)) if says_something(sentences, number))
    return max(
        speaking, key=lambda number: (_shared(sentences[number].text, word_weights), -number)
    )


def _end_of_rows(
    sentences: Sequence[Sentence], first: int, word_weights: Mapping[str, float]
) -> int:
    """After the rows that follow one another and fit as well as the first."""
    best = _shared(sentences[first].text, word_weights)
    end = first + 1
    while (
        end < min(first + _LIST_SENTENCES, len(sentences))
        and sentences[end].kind is SentenceKind.ROW
        and _shared(sentences[end].text, word_weights) >= best
    ):
        end += 1
    return end


def _without_pointers_after(chosen: Sequence[Sentence]) -> Sequence[Sentence]:
    """Without what only points elsewhere at the end: the reader of a chat sees no section below."""
    end = len(chosen)
    while end > 1 and (
        chosen[end - 1].kind is SentenceKind.LINK or only_points_elsewhere(chosen[end - 1].text)
    ):
        end -= 1
    return chosen[:end]


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
    is_item = sentence.opens_line and _LIST_ITEM.match(sentence.text) is not None
    return is_item or sentence.kind is SentenceKind.ROW


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
