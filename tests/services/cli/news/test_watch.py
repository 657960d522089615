import queue
import threading

import httpx
import pytest

from services.cli.news import watch
from services.cli.news.answers import Alert
from services.cli.news.watch import show_once
from shared.errors import AuthenticationError
from tests.services.cli.news.sentiment_served import SentimentServed, alert
from tests.services.cli.served import connected


def test_trends_and_alerts_are_printed_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    with connected(SentimentServed([alert("Acme", "firing")])) as platform:
        show_once(platform)

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0].split()[:4] == ["about", "texts", "negative", "positive"]
    assert lines[1].split() == ["all", "news", "12", "33%", "67%", "█▄"]
    assert lines[2].split() == ["[Acme]", "4", "75%", "25%", "█▄"]
    assert lines[5].startswith("firing")


def test_no_alert_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with connected(SentimentServed()) as platform:
        show_once(platform)

    assert "no alert" in capsys.readouterr().out


def test_a_stream_that_breaks_is_taken_up_where_it_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_RECONNECT_S", 0.0)
    served = SentimentServed([alert("Acme", "pending"), alert("Acme", "firing")])
    stop = threading.Event()
    changes: queue.SimpleQueue[Alert] = queue.SimpleQueue()

    def answer(request: httpx.Request) -> httpx.Response:
        if len(served.requests) == 2:
            stop.set()
        if len(served.requests) == 1:
            served.requests.append(request)
            raise httpx.ReadError("cut")
        return served(request)

    with connected(answer) as platform:
        watch._listen(platform, changes, stop)

    assert [changes.get(timeout=1).state for _ in range(2)] == ["pending", "firing"]
    resumed = [request.headers.get("last-event-id") for request in served.requests]
    assert resumed == [None, "2", "2"]


def test_a_refusal_ends_it() -> None:
    with connected(SentimentServed(status=401)) as platform, pytest.raises(AuthenticationError):
        watch.show_live(platform)
