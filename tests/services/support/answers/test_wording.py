"""The chat's own words: the file that ships, a team's own, and the messages made of them."""

from pathlib import Path

import pytest
import yaml

from services.support.answers.answer import Answer, Suggestion
from services.support.answers.wording import DEFAULT_FILE, load_wording
from shared.errors import ConfigError

FEES = Suggestion("fees", "Fees", "It costs two euros.", 0.9)
CASH = Suggestion("cash", "Cash", "Use any machine.", 0.8)
UNTITLED = Suggestion("none", "", "Owls eat voles.", 0.7)


def test_suggestions_stand_in_the_text() -> None:
    wording = load_wording()

    said = wording.content(Answer("suggestions", suggestions=(FEES, CASH, UNTITLED)))

    head, listed = said.split("\n\n")
    assert head == wording.suggestions
    assert listed.splitlines() == [
        "1. Fees: It costs two euros.",
        "2. Cash: Use any machine.",
        "3. Owls eat voles.",
    ]


def test_a_question_back_names_both_titles() -> None:
    said = load_wording().content(Answer("clarify", suggestions=(FEES, CASH, UNTITLED)))

    assert said.startswith("Do you mean “Fees” or “Cash”?")
    assert "2. Cash: Use any machine." in said


def test_a_hand_off_offers_what_there_is() -> None:
    wording = load_wording()

    assert wording.content(Answer("handoff", handoff="no_documents")) == wording.handoff
    assert wording.content(Answer("handoff", handoff="language")) == wording.handoff_language
    offered = wording.content(Answer("handoff", handoff="low_confidence", suggestions=(FEES,)))
    assert offered.split("\n\n")[:2] == [wording.handoff, wording.handoff_suggestions]


def test_a_team_has_its_own_words(tmp_path: Path) -> None:
    texts = yaml.safe_load(DEFAULT_FILE.read_text("utf-8"))
    path = tmp_path / "wording.yaml"
    path.write_text(yaml.safe_dump({**texts, "suggestions": "Vielleicht hilft das:"}))

    said = load_wording(path).content(Answer("suggestions", suggestions=(FEES,)))

    assert said.startswith("Vielleicht hilft das:\n\n1. Fees")


def test_a_question_is_answered_in_its_language_where_there_are_texts_for_it() -> None:
    wording = load_wording()
    answer = Answer("suggestions", suggestions=(FEES,))

    chinese = wording.of("取现要多少手续费？")

    assert chinese.content(answer).startswith("我不确定")
    assert wording.of("what does it cost") is wording.of("これはいくらですか") is wording.of("42")
    for texts in (wording, chinese):
        assert wording.offer(texts.content(answer)).pages == ("Fees: It costs two euros.",)
        assert wording.is_fixed(texts.content(answer))
        assert wording.is_fixed(texts.content(Answer("handoff", handoff="no_documents")))
        assert not wording.is_fixed("It costs two euros. [1]")


def test_a_team_without_texts_of_a_language_answers_in_its_own(tmp_path: Path) -> None:
    texts = yaml.safe_load(DEFAULT_FILE.read_text("utf-8"))
    path = tmp_path / "wording.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in texts.items() if k != "languages"}))

    wording = load_wording(path)

    assert wording.of("取现要多少手续费？") is wording


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clarify": "Which of {first}?"}, "clarify: .*{second} is missing"),
        ({"handoff": ""}, "handoff: "),
        ({"greeting": "Hi"}, "greeting: "),
        ({"suggestions": None}, "suggestions: "),
        ({"languages": {"zh": {"handoff": "好"}}}, "languages.zh.suggestions: "),
        ({"languages": {"klingon": {}}}, "languages.klingon"),
    ],
)
def test_a_fault_is_named_by_its_place(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    texts = yaml.safe_load(DEFAULT_FILE.read_text("utf-8"))
    path = tmp_path / "wording.yaml"
    path.write_text(yaml.safe_dump({**texts, **change}))

    with pytest.raises(ConfigError, match=said):
        load_wording(path)
