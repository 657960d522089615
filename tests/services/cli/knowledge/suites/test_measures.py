from dataclasses import replace

import pytest

from services.cli.knowledge.suites.measures import Asked, Reply, measure, recall, word_count
from shared.errors import InputError
from shared.retrieval.suite import SuiteQuestion

QUESTION = SuiteQuestion("a", ("how long",), True, ("delivery",), ("It takes seven working days.",))
ANSWER = Reply("Delivery takes seven working days. [1]", True, "delivery", (), False, 0.9)
NOTHING = Reply("I could not find it.", False, None, (), False, 0.1)


def test_an_answer_is_right_by_article_words_and_length() -> None:
    right = Asked(QUESTION, ANSWER)
    assert (right.right, right.helped, right.wrong) == (True, True, False)

    other = Asked(QUESTION, replace(ANSWER, cited="fees"))
    assert (other.right, other.helped, other.wrong) == (False, False, True)

    vague = Asked(QUESTION, replace(ANSWER, content="It depends. [1]"))
    assert (vague.right, vague.wrong, vague.from_article) == (False, False, True)

    long = Asked(QUESTION, replace(ANSWER, content=ANSWER.content + " word" * 80))
    assert not long.right


def test_without_evidence_the_article_decides() -> None:
    question = replace(QUESTION, evidence=())

    assert Asked(question, replace(ANSWER, content="Whatever. [1]")).right


def test_suggestions_help_where_nothing_is_answered() -> None:
    suggested = replace(NOTHING, suggested=("fees", "delivery"))

    assert Asked(QUESTION, suggested).helped
    assert not Asked(QUESTION, NOTHING).helped
    assert not Asked(QUESTION, replace(suggested, answered=True, cited="fees")).helped


def test_small_talk_goes_neither_to_a_person_nor_to_an_article() -> None:
    talk = SuiteQuestion("a", ("hi",), None)

    assert not Asked(talk, replace(NOTHING, answered=True)).misrouted
    assert Asked(talk, replace(NOTHING, hands_off=True)).misrouted
    assert Asked(talk, ANSWER).misrouted


def test_a_reply_is_read_from_a_message() -> None:
    banyan = {
        "answered": False,
        "confidence": 0.25,
        "citations": [],
        "handoff": None,
        "suggestions": [{"document_id": name} for name in "abcd"],
    }

    reply = Reply.of({"content": "Perhaps?", "banyan": banyan})

    assert reply == Reply("Perhaps?", False, None, ("a", "b", "c"), False, 0.25)
    assert Reply.of({"content": None}) == Reply("", False, None, (), False, 0.0)


def test_figures_are_shares_of_their_kind_with_intervals() -> None:
    follow = replace(QUESTION, turns=("a", "b"))
    no = SuiteQuestion("n", ("a",), False)
    asked = [
        *(Asked(QUESTION, ANSWER) for _ in range(3)),
        Asked(QUESTION, NOTHING),
        Asked(follow, NOTHING),
        Asked(no, ANSWER),
        Asked(no, NOTHING),
    ]

    found = {each.measure.name: each for each in measure(asked, {"right": 0.8, "wrong": 0.0})}

    assert found.keys() == {
        "right", "helped", "wrong", "unanswerable", "follow_right", "follow_helped", "follow_wrong"
    }  # fmt: skip
    assert found["right"].figure.value == 0.75
    assert found["right"].figure.low < 0.75 < found["right"].figure.high
    assert not found["right"].holds
    assert found["wrong"].holds
    assert found["unanswerable"].figure.value == 0.5
    assert found["follow_right"].figure.value == 0


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ({"rihgt": 0.4}, "there is no figure 'rihgt'"),
        ({"right": 40}, "a share from 0 to 1"),
        ({"small_talk": 0}, "the suite has no question for it"),
    ],
)
def test_gates_that_cannot_be_told_are_refused(gates: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        measure([Asked(QUESTION, ANSWER)], gates)


def test_words_are_told_by_content() -> None:
    assert recall("Seven days, or 7.", "It takes seven days") == pytest.approx(2 / 3)
    assert recall("七天内送到您家", "七天内送到") == 1.0
    assert recall("anything", "") == 0.0
    assert word_count("It's seven days [1], [2].") == 3
    assert word_count("七天内") == 1.5
