"""Which documents are suggested, and by which sentence."""

from dataclasses import replace

from services.support.answers.suggestions import best_sentence, pair_of, suggest
from shared.retrieval.index import Hit, Index
from shared.retrieval.judgement import Judged
from tests.harness.entries import BUNDLE, WIDTH, embedded, query

TEXT = (
    "# Fees abroad\n\nFees are low. A withdrawal abroad costs two euros. "
    'How to withdraw is described in "Cash abroad".'
)
INDEX = Index.empty(BUNDLE, WIDTH).replaced(
    1,
    (),
    [
        embedded("fees", "Fees", TEXT),
        embedded("cash", "Cash abroad", "Take your card. Use any machine."),
        embedded("owls", "Owls", "Owls eat mice."),
        embedded("none", "", "Owls eat voles."),
    ],
)
QUESTION = "what does a withdrawal cost abroad"
WEIGHTS = INDEX.word_weights(QUESTION)


def judged(*logits: float) -> list[Judged]:
    hits = sorted(INDEX.search([query(QUESTION)], 4), key=lambda hit: hit.entry.document_id)
    by_id = {hit.entry.document_id: hit for hit in hits}
    names = ("fees", "cash", "owls", "none")
    return [
        Judged(by_id[name], 1.0 - n / 10, logit, 0)
        for n, (name, logit) in enumerate(zip(names, logits, strict=False))
    ]


def hit_of(name: str) -> Hit:
    return next(h for h in INDEX.search([query(QUESTION)], 4) if h.entry.document_id == name)


def test_the_sentence_shares_the_most_telling_words() -> None:
    assert best_sentence(hit_of("fees"), WEIGHTS) == "A withdrawal abroad costs two euros."
    assert best_sentence(hit_of("owls"), WEIGHTS) == "Owls eat mice."


def test_three_documents_are_suggested_each_once() -> None:
    first, *others = judged(2.0, 1.0, 0.0, -1.0)

    found = suggest([first, replace(first, rank=0.99), *others], WEIGHTS)

    assert [each.document_id for each in found] == ["fees", "cash", "owls"]
    assert found[0].title == "Fees"
    assert found[0].passage == "A withdrawal abroad costs two euros."
    assert found[0].score == 1.0


def test_two_documents_are_near_by_their_logits_and_have_titles_to_ask_by() -> None:
    near, far = judged(0.4, -0.3), judged(0.4, -2.0)

    assert pair_of(near) == (near[0], near[1])
    assert pair_of(far) is None
    assert pair_of(near[:1]) is None
    assert pair_of([near[0], replace(near[0], rank=0.9)]) is None
    assert pair_of([replace(near[0], logit=None), near[1]]) is None
    untitled = judged(0.4, 0.4, 0.4, 0.4)
    assert pair_of([untitled[0], untitled[3]]) is None
