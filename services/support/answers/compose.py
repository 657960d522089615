"""An answer made of sentences of up to three passages, each stretch with its citation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from services.support.answers.excerpt import MAX_WORDS, Asked, count_words, excerpt
from shared.models.tasks import Span
from shared.retrieval.index import Hit
from shared.retrieval.sparse import tokenize
from shared.text.blocks import Sentence
from shared.text.passages import Passage, estimate_tokens, join_sentences

MAX_PASSAGES = 3
"""Of how many passages an answer is made at most."""

NEARLY_AS_GOOD = 1.5
"""How far below the best passage's logit that of a further one may be."""

_ADDS = 0.2
_REPEATED = 0.7


@dataclass(frozen=True, slots=True)
class Cited:
    """What an answer quotes: `source` is characters `[start, end)` of the hit's document's text."""

    hit: Hit
    source: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Composed:
    """An answer: the sentences of `citations[n - 1]` end with `[n]` in the text.

    `is_cut` is whether the limit of tokens left something out.
    """

    text: str
    citations: tuple[Cited, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """What an answer takes from one hit: sentences of its document, at least one."""

    hit: Hit
    passage: Passage
    sentences: Sequence[Sentence]

    @property
    def text(self) -> str:
        return join_sentences(self.sentences)

    @property
    def words(self) -> float:
        return count_words(self.text)

    @property
    def stems(self) -> frozenset[str]:
        """The stems that a person reads with it: the title of a citation is shown."""
        return frozenset(tokenize(f"{self.hit.entry.title} {self.text}"))

    @property
    def cited(self) -> Cited:
        first, last = self.sentences[0], self.sentences[-1]
        return Cited(self.hit, self.passage.quote(first, last), first.start, last.end)


def compose(
    judged: Sequence[Hit],
    word_weights: Mapping[str, float],
    *,
    logits: Sequence[float] = (),
    spans: Sequence[Span | None] = (),
    max_tokens: int | None = None,
) -> Composed | None:
    """The answer from passages that were judged, the best first; at least one.

    The first passage answers (see `excerpt`). A further one is added only where its `logits` say
    that it is nearly as good, and it holds words of the question that those before it lack; what
    was said already is not repeated, and all together has at most `MAX_WORDS` words. `spans` are
    where a reader sees the answer in each passage's text. Without `logits` one passage answers.
    None where the first hit's document says nothing.
    """
    first = excerpt(judged[0], Asked(word_weights, _at(spans, 0)))
    if first is None:
        return None
    parts = [_Part(judged[0], first.passage, first.sentences)]
    for number in range(1, min(len(judged), len(logits))):
        if len(parts) < MAX_PASSAGES and logits[number] >= logits[0] - NEARLY_AS_GOOD:
            parts.extend(_further(parts, judged[number], word_weights, _at(spans, number)))
    return _written(parts, max_tokens)


def _at(spans: Sequence[Span | None], number: int) -> Span | None:
    return spans[number] if number < len(spans) else None


def _further(
    parts: Sequence[_Part], hit: Hit, word_weights: Mapping[str, float], span: Span | None
) -> Sequence[_Part]:
    """What a hit adds to an answer: nothing where it would be too little, or too long."""
    told = frozenset().union(*(part.stems for part in parts))
    lacking = {word: weight for word, weight in word_weights.items() if word not in told}
    found = excerpt(hit, Asked(lacking, span))
    if found is None:
        return ()
    said = [frozenset(tokenize(each.text)) for part in parts for each in part.sentences]
    sentences = [each for each in found.sentences if not _is_repeated(each, said)]
    if not sentences:
        return ()
    part = _Part(hit, found.passage, sentences)
    gained = sum(lacking.get(stem, 0.0) for stem in part.stems)
    is_enough = gained >= _ADDS * sum(word_weights.values()) > 0
    fits = sum(each.words for each in (*parts, part)) <= MAX_WORDS
    return (part,) if is_enough and fits else ()


def _is_repeated(sentence: Sentence, said: Sequence[frozenset[str]]) -> bool:
    """Whether one of the sentences that were said has most of a sentence's stems."""
    stems = frozenset(tokenize(sentence.text))
    return any(len(stems & each) >= _REPEATED * len(stems) for each in said)


def _written(parts: Sequence[_Part], max_tokens: int | None) -> Composed:
    """The parts as one text, as far as the limit allows; of the first at least a word."""
    kept = list(parts) if max_tokens is None else list(_within(parts, max_tokens))
    texts = [part.text for part in kept]
    if max_tokens is not None and len(kept) == len(kept[0].sentences) == 1:
        texts[0] = _first_words(texts[0], max_tokens)
    whole = [part.text for part in parts]
    return Composed(
        "\n\n".join(f"{text} [{number}]" for number, text in enumerate(texts, 1)),
        tuple(part.cited for part in kept),
        is_cut=texts != whole,
    )


def _within(parts: Sequence[_Part], max_tokens: int) -> Iterator[_Part]:
    """The first sentences that fit, at least one."""
    left = max_tokens
    for number, part in enumerate(parts):
        taken = 0
        for sentence in part.sentences:
            left -= estimate_tokens(sentence.text)
            if left < 0:
                break
            taken += 1
        if number == 0 or taken:
            yield replace(part, sentences=part.sentences[: max(1, taken)])
        if left < 0:
            return


def _first_words(text: str, max_tokens: int) -> str:
    while estimate_tokens(text) > max_tokens and " " in text:
        text = text.rpartition(" ")[0]
    return text
