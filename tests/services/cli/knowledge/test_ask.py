import json
from collections.abc import Callable

import pytest

from services.cli.knowledge.ask import ask
from shared.errors import InputError
from tests.services.cli.served import URL, Answer, Served


@pytest.mark.parametrize("stream", [True, False])
def test_the_answer_comes_with_its_grounds(
    stream: bool, answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    served = Served()
    answered_by(served)

    ask("where is my card", stream=stream, url=URL)

    said = capsys.readouterr().out
    assert said.startswith("It travels")
    assert "[1] Cards  (d, score 0.50)" in said
    assert "confidence 0.88, intent card_arrival" in said
    assert json.loads(served.requests[0].content)["model"] == "support"


def test_a_knowledge_base_is_named_in_the_model(answered_by: Callable[[Answer], None]) -> None:
    served = Served()
    answered_by(served)

    ask("q", kb="bank", url=URL)

    assert json.loads(served.requests[0].content)["model"] == "support:bank"


@pytest.mark.parametrize("stream", [True, False])
def test_an_unknown_knowledge_base_is_said(
    stream: bool, answered_by: Callable[[Answer], None]
) -> None:
    answered_by(Served())

    with pytest.raises(InputError, match="no knowledge base"):
        ask("q", kb="none", stream=stream, url=URL)
