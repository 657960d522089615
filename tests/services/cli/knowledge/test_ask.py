import json
from collections.abc import Callable

import httpx
import pytest

from services.cli.knowledge.ask import ask
from shared.errors import InputError
from tests.services.cli.served import BANYAN, URL, Answer, Served


@pytest.mark.parametrize("stream", [True, False])
def test_the_answer_comes_with_its_grounds(
    stream: bool, answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    served = Served()
    answered_by(served)

    ask(["where is my card"], stream=stream, url=URL)

    said = capsys.readouterr().out
    assert said.startswith("It travels")
    assert "[1] Cards  (d, score 0.50)" in said
    assert "confidence 0.88, intent card_arrival" in said
    assert json.loads(served.requests[0].content)["model"] == "support"


def test_a_knowledge_base_is_named_in_the_model(answered_by: Callable[[Answer], None]) -> None:
    served = Served()
    answered_by(served)

    ask(["q"], kb="bank", url=URL)

    assert json.loads(served.requests[0].content)["model"] == "support:bank"


@pytest.mark.parametrize("stream", [True, False])
def test_an_unknown_knowledge_base_is_said(
    stream: bool, answered_by: Callable[[Answer], None]
) -> None:
    answered_by(Served())

    with pytest.raises(InputError, match="no knowledge base 'none': `banyan kb list` lists them"):
        ask(["q"], kb="none", stream=stream, url=URL)


@pytest.mark.parametrize("stream", [True, False])
def test_several_questions_are_turns_of_one_conversation(
    stream: bool, answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    served = Served()
    answered_by(served)

    ask(["where is my card", "and abroad?"], stream=stream, url=URL)

    assert "> where is my card" in (said := capsys.readouterr().out)
    assert said.index("> and abroad?") > said.index("confidence 0.88")
    first, second = (json.loads(request.content)["messages"] for request in served.requests)
    assert first == [{"role": "user", "content": "where is my card"}]
    assert [message["role"] for message in second] == ["user", "assistant", "user"]
    assert second[1]["content"].startswith("It travels")
    assert second[2]["content"] == "and abroad?"


@pytest.mark.parametrize(
    ("kind", "said"),
    [("suggestions", "pages that may help"), ("clarify", "asks which page is meant")],
)
def test_what_is_not_answered_comes_with_its_suggestions(
    kind: str,
    said: str,
    answered_by: Callable[[Answer], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    suggestion = {"document_id": "d", "title": "Cards", "passage": "They travel.", "score": 0.5}
    banyan = {**BANYAN, "kind": kind, "citations": [], "suggestions": [suggestion]}
    message = {"content": "One of these may help:", "banyan": banyan}
    answered_by(lambda request: httpx.Response(200, json={"choices": [{"message": message}]}))

    ask(["where is my card"], url=URL)

    printed = capsys.readouterr().out
    assert "1. Cards  (d, score 0.50)" in printed
    assert f"not answered: {said}" in printed
