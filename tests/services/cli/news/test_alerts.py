from collections.abc import Callable

import pytest

from services.cli.news.alerts import alerts, all_alerts
from tests.services.cli.news.sentiment_served import SentimentServed, alert
from tests.services.cli.served import URL, Answer, connected


def test_alerts_are_listed_with_their_reasons(
    answered_by: Callable[[Answer], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    told = [alert("Acme", "resolved"), alert("", "pending", started_at=1.8e9)]
    answered_by(SentimentServed(told))

    alerts(url=URL)

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("pending   all news  2027-01-15 08:00")
    assert "9 of 11 texts in 30 min are negative, 0.8 were to be expected" in lines[1]
    assert "Acme [recalls] everything" in lines[2]
    assert lines[3].startswith("resolved  Acme      2023-11-14 22:13  2023-11-14 23:13")


def test_no_alert_is_said(
    answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(SentimentServed())

    alerts(url=URL)

    assert "there is no alert" in capsys.readouterr().out


def test_the_newest_comes_first() -> None:
    served = SentimentServed([alert("old", "firing"), alert("new", "firing", started_at=1.8e9)])

    with connected(served) as platform:
        assert [found.entity for found in all_alerts(platform)] == ["new", "old"]
