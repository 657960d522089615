import io
import json
import threading
from pathlib import Path

import pytest

from services.cli.news import sample as news_sample
from services.cli.news.sample import replay_sample
from services.cli.platform.progress import Progress
from shared.errors import ArtifactError
from tests.harness.memory_broker import MemoryBroker
from tests.services.cli.news.sentiment_served import SentimentServed, alert
from tests.services.cli.served import connected


@pytest.fixture(autouse=True)
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "news.jsonl"
    lines = [
        {"id": f"n{i}", "published_at": 1.7e9 + i, "source": "wire", "text": "Acme sinks"}
        for i in range(5)
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    monkeypatch.setattr(news_sample, "SAMPLE_FILE", path)
    return path


class Start:
    """A platform that has just started, and what was printed of its sample."""

    def __init__(self, served: SentimentServed) -> None:
        self.broker = MemoryBroker()
        self.stop = threading.Event()
        self._served = served
        self._out = io.StringIO()

    def __call__(self, *, limit_s: float = 5) -> bool:
        with connected(self._served) as platform:
            return replay_sample(
                platform,
                self.broker.producer(),
                Progress(self._out),
                self.stop,
                replay_s=0.01,
                alert_limit_s=limit_s,
            )

    @property
    def said(self) -> list[str]:
        return self._out.getvalue().splitlines()


def test_the_sample_is_sent_and_its_alert_told_once() -> None:
    start = Start(SentimentServed([alert("Acme", "firing"), alert("", "pending")], news=False))

    assert start()

    assert len(start.broker.records("news")) == 5
    (line,) = start.said
    assert "negative news about Acme surges: 9 of 11 texts in 30 min are negative" in line


def test_a_platform_that_has_news_is_left_alone() -> None:
    start = Start(SentimentServed([alert("Acme", "firing")]))

    assert not start()

    assert start.broker.records("news") == []
    assert start.said == []


def test_an_alert_that_does_not_come_is_said() -> None:
    start = Start(SentimentServed([alert("Acme", "pending")], news=False))

    assert not start(limit_s=0.01)

    assert "no alert has fired" in start.said[0]


def test_a_platform_that_stops_is_not_kept() -> None:
    start = Start(SentimentServed(news=False))
    start.stop.set()

    assert not start()


def test_a_damaged_sample_is_named(sample: Path) -> None:
    sample.write_text("{\n")

    with pytest.raises(ArtifactError, match=r"news\.jsonl:1: not JSON"):
        Start(SentimentServed(news=False))()
