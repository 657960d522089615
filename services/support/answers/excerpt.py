"""The sentences of one passage that answer a question, in the passage's own order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from services.support.answers.labels import labels_of
from services.support.answers.pointers import only_points_elsewhere
from shared.retrieval.index import Hit
from shared.retrieval.tokens import tokenize
from shared.text.blocks import Sentence, SentenceKind
from shared.text.passages import Passage

MAX_WORDS = 80
"""How long an answer is at most, unless one sentence alone is longer."""

CLEAR = 0.15
"""From this share of the question's words on, by how telling they are, a sentence is clearly the
one that was asked for."""

CLEAR_WORDS = 60
"""How long an answer around such a sentence is, unless one sentence alone is longer."""

_INTRODUCES = (":", "?", "：", "？")
_SPEAKING_WITHIN = 3
_MAX_ROWS = 10
_LIST_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: how telling each of its stems is."""

    word_weights: Mapping[str, float]

    def shared(self, text: str) -> float:
        """The weight of the question's words that a text has; exact, so that equals are equal."""
        return fsum(self.word_weights.get(word, 0.0) for word in set(tokenize(text)))


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Sentences of a passage; at least one."""

    passage: Passage
    sentences: Sequence[Sentence]


def count_words(text: str) -> float:
    """How many words a text has; a character of Chinese, Japanese or Korean is half of one."""
    wide = len(_WIDE.findall(text))
    return len(_WORD.findall(_WIDE.sub(" ", text))) + wide / 2


def says_something(sentences: Sequence[Sentence], number: int) -> bool:
    """Whether an answer may begin at a sentence.

    Headings, links and sentences that only point elsewhere say nothing; a question or an
    introduction says what the sentences after it say.
    """
    for sentence in sentences[number : number + _SPEAKING_WITHIN]:
        if sentence.kind is SentenceKind.ROW:
            return True
        if sentence.kind is not SentenceKind.TEXT or only_points_elsewhere(sentence.text):
            return False
        if not sentence.text.endswith(_INTRODUCES):
            return True
    return False


def can_answer(hit: Hit) -> bool:
    """Whether the hit's document has an excerpt; what a FAQ answers always is one."""
    return hit.entry.is_faq or any(map(_says_anything, hit.entry.passages))


def excerpt(hit: Hit, asked: Asked, max_words: float = MAX_WORDS) -> Excerpt | None:
    """The sentences of the hit's document that answer best, one after another as they stand there.

    They are those around the sentence that shares the most telling words with the question (of an
    answer in a FAQ: the first), with at most `max_words` words unless one sentence alone has more,
    and fewer where that sentence is clearly the one. A list stays whole with its introduction. Of a
    table whole rows answer, those that fit best, with what is said below them and fits as well.
    Where the passage says nothing (see `says_something`) another one of the document is taken; None
    where none says anything.
    """
    passage = _passage(hit, asked)
    if passage is None:
        return None
    labels = labels_of(passage, goes_on=passage.end < hit.entry.passages[-1].end)
    if hit.entry.is_faq:
        return Excerpt(passage, _from_start(passage.sentences, labels, max_words))
    sentences = _section(passage, asked)
    scores = [_score(sentences, number, asked) for number in range(len(sentences))]
    is_row = [sentence.kind is SentenceKind.ROW for sentence in sentences]
    best = max(range(len(sentences)), key=lambda number: (scores[number], is_row[number], -number))
    is_clear = scores[best] >= CLEAR
    if is_clear and is_row[best]:
        return Excerpt(passage, sentences[best : _end_of_rows(sentences, scores, best, max_words)])
    words = min(CLEAR_WORDS, max_words) if is_clear else max_words
    groups = _groups(sentences, labels, max_words)
    chosen = _without_introductions_after(_around(sentences, groups, scores, best, words), labels)
    question = _question_before(passage, chosen[0], hit.entry.title)
    return Excerpt(passage, [*question, *chosen])


def _passage(hit: Hit, asked: Asked) -> Passage | None:
    """The hit's passage, or the one of the same document that fits best, where it says nothing."""
    if hit.entry.is_faq or _says_anything(hit.passage):
        return hit.passage
    speaking = [passage for passage in hit.entry.passages if _says_anything(passage)]
    return max(speaking, key=lambda passage: asked.shared(passage.text), default=None)


def _says_anything(passage: Passage) -> bool:
    sentences = passage.sentences
    return any(says_something(sentences, number) for number in range(len(sentences)))


def _section(passage: Passage, asked: Asked) -> Sequence[Sentence]:
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
        return asked.shared(text), -number

    return parts[max(speaking, key=fit)]


def _score(sentences: Sequence[Sentence], number: int, asked: Asked) -> float:
    """How well a sentence fits the question, from 0; below 0 where it says nothing."""
    if not says_something(sentences, number):
        return -1.0
    total = sum(asked.word_weights.values()) or 1.0
    return asked.shared(sentences[number].text) / total


def _end_of_rows(
    sentences: Sequence[Sentence], scores: Sequence[float], first: int, max_words: float
) -> int:
    """After the last of the next sentences, rows or not, that fits as well as the first row."""
    end = first + 1
    for number in range(end, min(first + _MAX_ROWS, len(sentences))):
        if scores[number] < 0 or _words(sentences, range(first, number + 1)) > max_words:
            break
        if scores[number] >= scores[first]:
            end = number + 1
    return end


def _around(
    sentences: Sequence[Sentence],
    groups: Sequence[range],
    scores: Sequence[float],
    best: int,
    max_words: float,
) -> list[Sentence]:
    """The best sentence's group with its neighbours, the better one first, up to `max_words`.

    Nothing is reached across a sentence that says nothing.
    """
    fits = [max(scores[number] for number in group) for group in groups]
    low = high = next(i for i, group in enumerate(groups) if best in group)
    left = max_words - _words(sentences, groups[low])
    while neighbours := [
        (fits[i], i > high, i)
        for i in (low - 1, high + 1)
        if 0 <= i < len(groups) and fits[i] >= 0 and _words(sentences, groups[i]) <= left
    ]:
        _, _, taken = max(neighbours)
        left -= _words(sentences, groups[taken])
        low, high = min(low, taken), max(high, taken)
    first = groups[low].start
    return [*_introduction(sentences, first), *sentences[first : groups[high].stop]]


def _introduction(sentences: Sequence[Sentence], first: int) -> Sequence[Sentence]:
    """What introduces the list that an answer begins in the middle of."""
    if not _is_item(sentences[first]):
        return ()
    start = next((n for n in range(first, -1, -1) if not _is_item(sentences[n])), first)
    before = sentences[start]
    return [before] if start < first and before.text.endswith((":", "：")) else ()


def _groups(sentences: Sequence[Sentence], labels: frozenset[int], max_words: float) -> list[range]:
    """What holds together: a list of at most `max_words` with its introduction, the sentences of
    an item, a question with its answer, a label with what it names."""
    groups: list[range] = []
    in_item = False
    for number, sentence in enumerate(sentences):
        goes_on = in_item and not sentence.opens_line
        in_item = goes_on or _is_item(sentence)
        if groups and (goes_on or _belongs(sentences[number - 1], sentence, labels)):
            longer = range(groups[-1].start, number + 1)
            if _words(sentences, longer) <= max_words:
                groups[-1] = longer
                continue
        groups.append(range(number, number + 1))
    return groups


def _belongs(before: Sentence, sentence: Sentence, labels: frozenset[int]) -> bool:
    """Whether a sentence says nothing, or half, without the one before it."""
    if before.start in labels or before.text.endswith(_INTRODUCES):
        return True
    return _is_item(sentence) and _is_item(before)


def _is_item(sentence: Sentence) -> bool:
    is_item = sentence.opens_line and _LIST_ITEM.match(sentence.text) is not None
    return is_item or sentence.kind is SentenceKind.ROW


def _words(sentences: Sequence[Sentence], numbers: range) -> float:
    return sum(count_words(sentences[number].text) for number in numbers)


def _from_start(
    sentences: Sequence[Sentence], labels: frozenset[int], max_words: float
) -> list[Sentence]:
    """The first groups up to `max_words`, at least one."""
    groups = _groups(sentences, labels, max_words)
    words = 0.0
    for i, group in enumerate(groups):
        words += _words(sentences, group)
        if i and words > max_words:
            return list(sentences[: group.start])
    return list(sentences)


def _without_introductions_after(
    chosen: Sequence[Sentence], labels: frozenset[int]
) -> Sequence[Sentence]:
    """Without what only points elsewhere at the end, or names what is not said any more: the reader
    of a chat sees no section below."""
    end = len(chosen)
    while end > 1 and _only_leads_on(chosen[end - 1], labels):
        end -= 1
    return chosen[:end]


def _only_leads_on(sentence: Sentence, labels: frozenset[int]) -> bool:
    return (
        sentence.kind is SentenceKind.LINK
        or sentence.start in labels
        or sentence.text.endswith(_INTRODUCES)
        or only_points_elsewhere(sentence.text)
    )


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
