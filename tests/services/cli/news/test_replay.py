import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from services.cli.news.news_file import NewsFile, examine_news
from services.cli.news.replay import Pace, parse_speed, send_news
from shared.clock import ManualClock
from shared.errors import DependencyError, InputError
from tests.harness.memory_broker import MemoryBroker

HOUR_S = 3600


@pytest.fixture
def news(tmp_path: Path) -> NewsFile:
    """Three records, half an hour apart."""
    path = tmp_path / "news.jsonl"
    times = ("09:00:10", "09:30:10", "10:00:10")
    lines = [
        {"id": f"n{i}", "published_at": f"2026-03-02T{at}Z", "source": "wire", "text": "Acme"}
        for i, at in enumerate(times)
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return examine_news(path)


class Sending:
    """A replay against a broker in memory, with a clock that the pauses advance."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_800_000_000.0)
        self.broker = MemoryBroker()
        self.pauses: list[float] = []
        self.acknowledged: list[int] = []

    def __call__(self, news: NewsFile, pace: Pace, stop_after: int = 99) -> int:
        return send_news(
            news,
            self.broker.producer(),
            "news",
            pace,
            clock=self.clock,
            pause=self._pause(stop_after),
            on_acknowledged=self.acknowledged.append,
        )

    def _pause(self, stop_after: int) -> Callable[[float], bool]:
        def pause(seconds: float) -> bool:
            self.pauses.append(seconds)
            self.clock.advance(seconds)
            return len(self.pauses) > stop_after

        return pause

    def sent(self) -> dict[str, dict[str, str]]:
        records = self.broker.records("news")
        found = {(r.key or b"").decode(): json.loads(r.value or b"") for r in records}
        assert all(value["id"] == key for key, value in found.items())
        return found


def test_the_gaps_are_divided_by_the_speed(news: NewsFile) -> None:
    sending = Sending()

    assert sending(news, Pace(100, shift=False)) == 3

    assert sending.pauses == pytest.approx([0, 18, 18])
    assert sending.acknowledged[-1] == 3


def test_the_last_record_is_of_the_minute_in_which_the_replay_ends(news: NewsFile) -> None:
    sending = Sending()
    sending(news, Pace(100, shift=True))

    times = [
        datetime.fromisoformat(sending.sent()[f"n{i}"]["published_at"]).timestamp()
        for i in range(3)
    ]
    assert 0 <= sending.clock.time() - times[-1] < 60
    assert [time - times[0] for time in times] == [0, HOUR_S / 2, HOUR_S]
    # Full minutes stay full minutes.
    assert [time % 60 for time in times] == [10, 10, 10]


def test_kept_times_leave_the_records_as_they_are(news: NewsFile) -> None:
    sending = Sending()
    sending(news, Pace(1e9, shift=False))

    sent = [orjson.loads(record.value or b"") for record in sending.broker.records("news")]
    lines = [orjson.loads(line) for line in news.path.read_bytes().splitlines()]
    assert sorted(sent, key=str) == sorted(lines, key=str)


def test_a_stopped_replay_counts_what_was_acknowledged(news: NewsFile) -> None:
    sending = Sending()

    assert sending(news, Pace(1, shift=True), stop_after=2) == 2

    assert len(sending.sent()) == 2


def test_a_broker_that_goes_away_is_said_with_the_count(news: NewsFile) -> None:
    sending = Sending()
    pause = sending._pause(99)

    def pause_then_lose(seconds: float) -> bool:
        sending.broker.away = len(sending.pauses) == 1
        return pause(seconds)

    with pytest.raises(DependencyError, match="1 of 3 records were acknowledged"):
        send_news(
            news,
            sending.broker.producer(),
            "news",
            Pace(1, shift=True),
            clock=sending.clock,
            pause=pause_then_lose,
            on_acknowledged=sending.acknowledged.append,
        )
    assert sending.acknowledged == [1]


@pytest.mark.parametrize(("text", "speed"), [("100x", 100), ("1", 1), (" 2.5X", 2.5)])
def test_a_speed_is_read(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "fast", "0.5x", "-3", "nan", "inf", "xx"])
def test_a_speed_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="at least 1"):
        parse_speed(text)
