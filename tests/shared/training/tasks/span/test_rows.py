import pytest

from shared.training.data.candidates import Candidates
from shared.training.data.reading import RowError
from shared.training.tasks.embed.rows import squad_pairs
from shared.training.tasks.score.rows import squad_judged
from shared.training.tasks.span.rows import Question, question

CONTEXT = "The choir met in 1901. After the war the colleges merged in 1977, a warm 1977."
ASKED = "When did the colleges merge?"


def _row(answers: object, **more: object) -> dict[str, object]:
    return {"question": ASKED, "context": CONTEXT, "answers": answers, **more}


@pytest.mark.parametrize(
    "answers",
    [
        {"text": ["1977", "in 1977"], "answer_start": [60, 57]},
        [{"text": "1977", "answer_start": 60}, {"text": "in 1977", "answer_start": 57}],
        ["1977", "in 1977", "1977"],
    ],
)
def test_answers_in_every_form(answers: object) -> None:
    assert question(_row(answers)) == [Question(ASKED, CONTEXT, ("1977", "in 1977"), 60)]


def test_a_place_is_guessed_by_the_words_around_it_and_is_whole_words() -> None:
    context = "Edward sang. " + "x " * 99 + "Ed sang of war"
    row = {"question": "Who sang of war?", "context": context, "answers": ["Ed"]}
    (read,) = question(row)
    assert read.context[read.start :] == "Ed sang of war"


def test_no_answer() -> None:
    assert question(_row([], answerable=False)) == [Question(ASKED, CONTEXT)]
    assert question(_row({"text": [], "answer_start": []})) == [Question(ASKED, CONTEXT)]
    assert squad_pairs(_row([])) == []
    assert squad_pairs(_row(["1977"])) == [Candidates(ASKED, (CONTEXT,))]
    assert squad_judged(_row([])) == [Candidates(ASKED, (), (CONTEXT,))]
    assert squad_judged(_row(["1977"])) == squad_pairs(_row(["1977"]))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (_row(["1978"]), "'1978' does not stand in 'context'"),
        (_row({"text": ["1977"], "answer_start": [59]}), "not stand at character 59"),
        (_row({"text": ["1977"], "answer_start": [-1]}), "'answer_start' is -1"),
        (_row({"text": ["1977"]}), "of one length"),
        (_row(None), "'answers' is not a list"),
        (_row([7.5]), "expected a string"),
        (_row([], answerable=True), "'answerable' is True, and there are 0 answers"),
        ({"question": "a", "answers": []}, "no column 'context'"),
    ],
)
def test_bad_rows(row: dict[str, object], reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        question(row)
