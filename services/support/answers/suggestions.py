"""What may help where nothing is answered: up to three documents, each with a sentence of it."""

from collections.abc import Iterable, Mapping, Sequence

from services.support.answers.answer import Suggestion
from services.support.answers.excerpt import says_something
from shared.retrieval.index import Hit
from shared.retrieval.judgement import Judged
from shared.retrieval.tokens import tokenize
from shared.text.blocks import SentenceKind

MOST = 3

CLARIFY_LOGITS = 1.0
"""Two passages whose judge's logits are nearer than this are equally likely meant."""

CLARIFY_FROM = 0.5
"""Both are near enough to an answer for a question back from this part of the threshold on."""


def suggest(judged: Iterable[Judged], word_weights: Mapping[str, float]) -> tuple[Suggestion, ...]:
    """The best passage of each of the first documents."""
    return tuple(
        Suggestion(
            each.hit.entry.document_id,
            each.hit.entry.title,
            best_sentence(each.hit, word_weights),
            each.rank,
        )
        for each in best_by_document(judged)[:MOST]
    )


def best_by_document(judged: Iterable[Judged]) -> list[Judged]:
    """The first passage of each document, in order."""
    firsts: dict[str, Judged] = {}
    for each in judged:
        firsts.setdefault(each.hit.entry.document_id, each)
    return list(firsts.values())


def best_sentence(hit: Hit, word_weights: Mapping[str, float]) -> str:
    """The sentence of a passage that shares the most telling words with a question.

    The first of equals. Headings and what only points elsewhere are taken where nothing else is.
    """
    sentences = hit.passage.sentences
    numbers = range(len(sentences))
    telling = [number for number in numbers if says_something(sentences, number)]
    plain = [number for number in numbers if sentences[number].kind is not SentenceKind.HEADING]

    def fit(number: int) -> tuple[float, int]:
        words = set(tokenize(sentences[number].text))
        return sum(word_weights.get(word, 0.0) for word in words), -number

    return sentences[max(telling or plain or numbers, key=fit)].text


def are_near(best: Judged, second: Judged) -> bool:
    """Whether it is open which of two documents is meant, so far as titles can ask for it."""
    titles = (best.hit.entry.title, second.hit.entry.title)
    if best.logit is None or second.logit is None or not all(titles) or titles[0] == titles[1]:
        return False
    return abs(best.logit - second.logit) < CLARIFY_LOGITS


def pair_of(judged: Sequence[Judged]) -> tuple[Judged, Judged] | None:
    """The best passages of the two best documents, if they are near each other."""
    firsts = best_by_document(judged)
    if len(firsts) < 2 or not are_near(firsts[0], firsts[1]):
        return None
    return firsts[0], firsts[1]
