"""The streams on which `tests/benchmarks/bench_surge.py` counts false alarms."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from shared.sentiment.surge import SurgeDetector, SurgeSettings
from tests.benchmarks.bench_surge import BREAKING, SHARE, WEEK_S, Alarms, mentions
from tests.benchmarks.inputs.surge_streams import DAY_S, Calm, poisson, redrawn, tweets

STREAMS: dict[str, Calm] = {"poisson": poisson, **BREAKING}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_has_its_rate_and_its_share_on_every_day(name: str) -> None:
    days = 200
    found = list(STREAMS[name](np.random.default_rng(0), 20.0, SHARE, days * DAY_S))
    times = np.array([at for at, _ in found])
    negative = np.array([label == "negative" for _, label in found])
    assert (np.diff(times) >= 0).all()
    assert 0 <= times[0] < times[-1] < days * DAY_S
    assert len(times) == pytest.approx(20 * 24 * days, rel=0.05)
    half = times < days * DAY_S / 2
    for part in (half, ~half):
        assert negative[part].mean() == pytest.approx(SHARE, abs=0.02)


def test_copies_fire_and_what_is_assumed_does_not() -> None:
    fired = {}
    for name in ("poisson", "copied"):
        alarms = Alarms()
        calm = mentions(STREAMS[name](np.random.default_rng(0), 20.0, SHARE, WEEK_S))
        alarms.follow(SurgeDetector(SurgeSettings()), calm, WEEK_S)
        fired[name] = alarms.firing
    assert fired["poisson"] == 0 < fired["copied"]


def test_tweets_keep_their_times(tmp_path: Path) -> None:
    path = tmp_path / "stream.jsonl.gz"
    rows = [
        ("2014-01-01T00:00:10Z", "A"),
        ("2014-01-01T00:00:00Z", "A"),
        ("2014-01-02T00:00:00Z", "B"),
    ]
    with gzip.open(path, "wt") as lines:
        for at, ticker in rows:
            lines.write(json.dumps({"created_at": at, "ticker": ticker}) + "\n")
    times = tweets(path)
    assert {ticker: (of - of[0]).tolist() for ticker, of in times.items()} == {
        "A": [0.0, 10.0],
        "B": [0.0],
    }
    found = list(redrawn(np.random.default_rng(0), times["A"], 1.0))
    assert found == [(times["A"][0], "negative"), (times["A"][1], "negative")]
