import json

import pytest

from services.cli.news.analyze import show_analysis
from shared.errors import AuthenticationError
from tests.services.cli.news.sentiment_served import SentimentServed
from tests.services.cli.served import connected


def test_label_probabilities_and_entities_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    served = SentimentServed()

    with connected(served) as platform:
        show_analysis(platform, "Acme gains", None)

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["about", "label", "negative", "neutral", "positive"]
    assert rows[1] == ["the", "whole", "text", "positive", "0.125", "0.250", "0.625"]
    assert rows[2] == ["Acme", "(Acme", "Ltd)", "positive", "0.125", "0.250", "0.625"]
    assert json.loads(served.requests[0].content) == {"texts": ["Acme gains"]}


def test_names_that_are_given_are_judged(capsys: pytest.CaptureFixture[str]) -> None:
    served = SentimentServed()

    with connected(served) as platform:
        show_analysis(platform, "Acme gains on [Bolt]", ["Acme", "[Bolt]"])

    assert json.loads(served.requests[0].content)["entities"] == [["Acme", "[Bolt]"]]
    assert "[Bolt]" in capsys.readouterr().out


def test_a_refusal_is_said() -> None:
    with (
        connected(SentimentServed(status=401)) as platform,
        pytest.raises(AuthenticationError, match="a key is needed"),
    ):
        show_analysis(platform, "Acme", None)
