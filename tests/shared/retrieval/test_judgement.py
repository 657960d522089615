"""The texts that a judge reads, and the order of passages by what it says."""

import math
from dataclasses import replace

import numpy as np
import pytest

from shared.retrieval.confidence import evidence_of
from shared.retrieval.index import Hit, Index
from shared.retrieval.judgement import FAQ_SHARE, Judgement, ordered
from shared.retrieval.judging import in_context, passage_text
from shared.retrieval.readings import judged_questions, search_texts
from tests.harness.entries import BUNDLE, WIDTH, embedded, query

INDEX = Index.empty(BUNDLE, WIDTH).replaced(
    1,
    (),
    [
        embedded("owls", "Barn owls", "Owls eat mice."),
        embedded("roses", "Roses", "Water them."),
        embedded("fees", "Fees", "A transfer costs two pounds."),
    ],
)
NAN = float("nan")


def hits() -> list[Hit]:
    """Three passages with the scores 0.9, 0.8 and 0.7."""
    found = INDEX.search([query("owls")], 3)
    return [replace(hit, score=0.9 - n / 10, rank=0.9 - n / 10) for n, hit in enumerate(found)]


def added(logit: float) -> float:
    """What a judgement adds with the weight 0.1."""
    return 0.2 * math.tanh(logit / 2)


def judgement(*rows: tuple[float, ...]) -> Judgement:
    return Judgement(np.array(rows, np.float32), "judge@1")


def test_the_last_three_turns_are_read_together_and_the_last_alone() -> None:
    turns = ["one", "two", "three", "four"]

    assert search_texts(turns) == ["four", "three four", "two three four"]
    assert search_texts(turns[:1]) == ["one"]
    assert in_context(turns) == "two | three | four"
    assert judged_questions(turns) == ["two | three | four", "four"]
    assert judged_questions(turns[:1]) == ["one"]


def test_a_passage_is_read_under_its_title_once() -> None:
    assert passage_text("Fees", "A transfer costs.") == "Fees › A transfer costs."
    assert passage_text("Fees", "Fees\nA transfer costs.") == "Fees\nA transfer costs."
    assert passage_text("", "A transfer costs.") == "A transfer costs."


def test_the_better_reading_of_each_passage_counts() -> None:
    found = hits()

    judged = ordered(found, judgement((-1.0, 2.0, NAN), (-3.0, NAN, 4.0)), 0.1)

    assert [each.hit for each in judged] == [found[1], found[2], found[0]]
    assert [each.rank for each in judged] == pytest.approx(
        [0.8 + added(2.0), 0.7 + added(4.0), 0.9 + added(-1.0)]
    )
    assert [each.logit for each in judged] == [2.0, 4.0, -1.0]
    assert [each.reading for each in judged] == [0, 1, 0]


def test_what_was_not_judged_counts_as_the_worst_that_was() -> None:
    found = hits()

    judged = ordered(found, judgement((1.0, -2.0, NAN)), 0.1)

    assert [each.hit for each in judged] == found
    assert [each.rank for each in judged] == pytest.approx(
        [0.9 + added(1.0), 0.8 + added(-2.0), 0.7 + added(-2.0)]
    )
    assert (judged[2].logit, judged[2].reading) == (None, None)


def test_the_judge_counts_little_for_written_questions_with_answers() -> None:
    written = [replace(hit, entry=replace(hit.entry, is_faq=True)) for hit in hits()]

    first = ordered(written, judgement((-3.0, 2.0, -3.0)), weight=0.1)[0]

    assert first.hit is written[0]
    assert first.rank == pytest.approx(0.9 + added(-3.0) * FAQ_SHARE)
    assert ordered(hits(), judgement((-3.0, 2.0, -3.0)), weight=0.1)[0].rank == pytest.approx(
        0.8 + added(2.0)
    )


def test_a_judgement_weighs_like_its_logit_where_it_is_open_and_is_bounded() -> None:
    found = hits()

    open_, sure, surest = (
        ordered(found[:1], judgement((logit,)), weight=0.1)[0].rank - found[0].rank
        for logit in (0.01, 9.0, 99.0)
    )

    assert open_ == pytest.approx(0.01 * 0.1, rel=1e-3)
    assert sure == pytest.approx(surest, abs=1e-3)
    assert surest == pytest.approx(2 * 0.1)


def test_what_is_near_a_written_question_is_its_own_evidence() -> None:
    hit = hits()[0]
    written = replace(hit, entry=replace(hit.entry, is_faq=True), dense=0.8)

    assert evidence_of([hit], INDEX, "owls", has_intent=False).faq == 0.0
    evidence = evidence_of([written], INDEX, "owls", has_intent=False)
    assert (evidence.faq, evidence.faq_dense) == (1.0, 0.8)


def test_without_a_judge_the_order_stays() -> None:
    found = hits()

    judged = ordered(found, Judgement.none(2, 3), 0.1)

    assert [(each.hit, each.rank) for each in judged] == [(hit, hit.score) for hit in found]


def test_the_judges_evidence_is_the_logit_and_its_odds_against_all_others_and_none() -> None:
    found = hits()
    again = [found[0], *found]

    evidence = evidence_of(
        again, INDEX, "owls", has_intent=False, logits=[3.0, 2.5, None, -1.0], follow_up=True
    )
    unjudged = evidence_of(found, INDEX, "owls", has_intent=False)

    # A passage of the same document is no rival; what was not judged is one like the mean.
    odds = 3.0 - math.log(1 + math.exp(1.5) + math.exp(-1.0))
    assert (evidence.judge, evidence.follow_up) == (3.0, 1.0)
    assert evidence.judge_odds == pytest.approx(odds)
    assert (unjudged.judge, unjudged.judge_odds, unjudged.follow_up) == (0.0, 0.0, 0.0)
