import json

import pytest

from services.cli.knowledge.ask import show_answer
from shared.errors import InputError
from tests.services.cli.served import Served, connected


@pytest.mark.parametrize("stream", [True, False])
def test_the_answer_comes_with_its_grounds(
    stream: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    served = Served()

    with connected(served) as platform:
        show_answer(platform, "where is my card", None, stream=stream)

    said = capsys.readouterr().out
    assert said.startswith("It travels")
    assert "[1] Cards  (d, score 0.50)" in said
    assert "confidence 0.88, intent card_arrival" in said
    assert json.loads(served.requests[0].content)["model"] == "support"


def test_a_knowledge_base_is_named_in_the_model() -> None:
    served = Served()

    with connected(served) as platform:
        show_answer(platform, "q", "bank", stream=False)

    assert json.loads(served.requests[0].content)["model"] == "support:bank"


@pytest.mark.parametrize("stream", [True, False])
def test_an_unknown_knowledge_base_is_said(stream: bool) -> None:
    with connected(Served()) as platform, pytest.raises(InputError, match="no knowledge base"):
        show_answer(platform, "q", "none", stream=stream)
