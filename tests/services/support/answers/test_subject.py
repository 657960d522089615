"""A change of subject: the question fits another document far better than the one spoken of."""

import pytest

from services.support.answers.encoding import Encoded
from services.support.answers.subject import subject_changed
from shared.retrieval.index import Index, Matches
from tests.harness.entries import BUNDLE, WIDTH, embedded, query

INDEX = Index.empty(BUNDLE, WIDTH).replaced(
    1,
    (),
    [
        embedded("owls", "Barn owls", "Owls eat mice at night. Their young sleep in barns."),
        embedded("roses", "Roses", "Water the roses in the morning, and cut them in March."),
        embedded("fees", "Transfer fees", "A transfer costs two pounds, abroad four pounds."),
    ],
)
BEFORE = "when do owls eat mice Owls eat mice at night."


def encoded(question: str, before: str | None = BEFORE) -> Encoded:
    said = () if before is None else (query(f"{question} {before}"), query(before))
    return Encoded((query(question),), None, 0, 0.0, *said)


@pytest.mark.parametrize(
    ("question", "is_changed"),
    [
        ("which transfer costs four pounds abroad", True),
        ("when to water roses in the morning and cut them in March", True),
        ("and their young", False),
        ("and when do they sleep in barns", False),
        ("why", False),
        ("abroad", False),
    ],
)
def test_a_question_that_says_much_and_fits_elsewhere_changes_the_subject(
    question: str, is_changed: bool
) -> None:
    assert subject_changed(INDEX, encoded(question), {}) is is_changed


def test_a_first_question_changes_nothing_nor_does_one_of_an_empty_index() -> None:
    question = "which transfer costs four pounds abroad"

    assert not subject_changed(INDEX, encoded(question, None), {})
    assert not subject_changed(Index.empty(BUNDLE, WIDTH), encoded(question), {})


def test_the_search_for_the_answer_compares_neither_query_again() -> None:
    turn = encoded("which transfer costs four pounds abroad")
    matches: Matches = {}

    subject_changed(INDEX, turn, matches)

    assert set(matches) == {turn.before, turn.queries[0]}


def test_alone_a_question_has_no_context() -> None:
    alone = encoded("and abroad").alone()

    assert (len(alone.queries), alone.conversation, alone.before) == (1, None, None)
