"""An answer made of sentences of up to three passages, each stretch with its citation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from services.support.answers.excerpt import MAX_WORDS, Asked, count_words, excerpt
from shared.retrieval.index import Hit
from shared.retrieval.tokens import tokenize
from shared.text.blocks import Sentence
from shared.text.language import Language, language_of
from shared.text.passages import Passage, estimate_tokens, join_sentences

MAX_PASSAGES = 3
"""Of how many passages an answer is made at most."""

NEARLY_AS_GOOD = 1.0
"""How far below the best passage's logit that of a further one may be."""

ADDS = 0.2
"""Which share of the question's words, by how telling they are, another document must add."""

FIRST_WORDS = 60
"""How long the first passage's sentences are at most where a further passage adds to them."""

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
    max_tokens: int | None = None,
) -> Composed | None:
    """The answer from passages that were judged, the best first; at least one.

    The first passage answers (see `excerpt`). A further one is added only where its `logits` say
    that it is nearly as good, and it is of the same document or holds words of the question that
    those before it lack; what was said already is not repeated, and all together has at most
    `MAX_WORDS` words. Without `logits` one passage answers, in Chinese with others of its document
    that were found: a passage is half as long there. None where the first hit's document says
    nothing.
    """
    near = [
        hit
        for hit, logit in list(zip(judged, logits, strict=False))[1:]
        if logit >= logits[0] - NEARLY_AS_GOOD
    ]
    if not logits and language_of(judged[0].passage.text) is Language.CHINESE:
        document_id = judged[0].entry.document_id
        near = [hit for hit in judged[1:] if hit.entry.document_id == document_id]
    first = _part(judged[0], word_weights, (), MAX_WORDS)
    if first is None:
        return None
    parts = [first]
    for hit in near:
        if len(parts) < MAX_PASSAGES and (more := _with_further(parts, hit, word_weights)):
            parts = more
    return _written(parts, max_tokens)


def _with_further(
    parts: Sequence[_Part], hit: Hit, word_weights: Mapping[str, float]
) -> list[_Part] | None:
    """An answer with what a hit adds to it; None where that is too little, or too long.

    To make room the first part is shortened to `FIRST_WORDS`.
    """
    first = parts[0]
    short = _part(first.hit, word_weights, (), FIRST_WORDS)
    if short is None:
        return None
    parts = [short, *parts[1:]]
    left = MAX_WORDS - sum(part.words for part in parts)
    lacking = _lacking(parts, word_weights)
    further = _part(hit, lacking, parts, left)
    if further is None or further.words > left:
        return None
    if further.hit.entry.document_id != first.hit.entry.document_id:
        gained = sum(lacking.get(stem, 0.0) for stem in further.stems)
        if not gained >= ADDS * sum(word_weights.values()) > 0:
            return None
    return [*parts, further]


def _part(
    hit: Hit, wanted: Mapping[str, float], said: Sequence[_Part], max_words: float
) -> _Part | None:
    """What answers in a hit's document, without what was said; None where nothing does."""
    found = excerpt(hit, Asked(wanted), max_words)
    if found is None:
        return None
    before = [frozenset(tokenize(each.text)) for part in said for each in part.sentences]
    kept = [each for each in found.sentences if not _is_repeated(each, before)]
    return _Part(hit, found.passage, kept) if kept else None


def _lacking(parts: Sequence[_Part], word_weights: Mapping[str, float]) -> dict[str, float]:
    """The words of a question that an answer does not have."""
    told = {stem for part in parts for stem in part.stems}
    return {word: weight for word, weight in word_weights.items() if word not in told}


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
