import json
from collections.abc import Callable

import pytest

from services.cli.news.analyze import analyze
from shared.errors import AuthenticationError
from tests.services.cli.news.sentiment_served import SentimentServed
from tests.services.cli.served import URL, Answer


def test_label_probabilities_and_entities_are_shown(
    answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    served = SentimentServed()
    answered_by(served)

    analyze("Acme gains", url=URL)

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["about", "label", "negative", "neutral", "positive"]
    assert rows[1] == ["the", "whole", "text", "positive", "0.125", "0.250", "0.625"]
    assert rows[2] == ["Acme", "(Acme", "Ltd)", "positive", "0.125", "0.250", "0.625"]
    assert json.loads(served.requests[0].content) == {"texts": ["Acme gains"]}


def test_names_that_are_given_are_judged(
    answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    served = SentimentServed()
    answered_by(served)

    analyze("Acme gains on [Bolt]", ["Acme", "[Bolt]"], url=URL)

    assert json.loads(served.requests[0].content)["entities"] == [["Acme", "[Bolt]"]]
    assert "[Bolt]" in capsys.readouterr().out


def test_a_refusal_is_said(answered_by: Callable[[Answer], None]) -> None:
    answered_by(SentimentServed(status=401))

    with pytest.raises(AuthenticationError, match="a key is needed"):
        analyze("Acme", url=URL)
