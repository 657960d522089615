"""Mentions of an entity that is calm, as the surge detector assumes them and as they come.

The detector takes mentions for a Poisson process whose rate varies little, and the labels of a
window for independent draws. News breaks both. Each stream here gives times in 0..seconds, in
order, with labels whose share of negative ones does not change from day to day: what fires is a
false alarm.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shared.sentiment.labels import Label

HOUR_S = 3_600.0
DAY_S = 86_400.0
COPIES = 4.0
COPIES_OVER_S = 600.0
SHARE_EVIDENCE = 10.0

Floats = npt.NDArray[np.float64]
Stream = Iterator[tuple[float, Label]]
Calm = Callable[[np.random.Generator, float, float, float], Stream]
"""A calm stream of a mean rate an hour, a mean share of negative mentions, and a length in s."""


def poisson(
    generator: np.random.Generator, rate_per_hour: float, share: float, seconds: float
) -> Stream:
    """A stationary stream, each label by itself: what the detector assumes."""
    times = _uniform(generator, rate_per_hour * seconds / HOUR_S, seconds)
    return _labelled(times, generator.random(len(times)) < share)


def daily(
    generator: np.random.Generator, rate_per_hour: float, share: float, seconds: float
) -> Stream:
    """Nineteen times as loud at the day's loudest hour as at its quietest."""
    times = _uniform(generator, 2 * rate_per_hour * seconds / HOUR_S, seconds)
    loud = (1 + 0.9 * np.sin(2 * np.pi * times / DAY_S)) / 2
    times = times[generator.random(len(times)) < loud]
    return _labelled(times, generator.random(len(times)) < share)


def varying(
    generator: np.random.Generator, rate_per_hour: float, share: float, seconds: float
) -> Stream:
    """Each hour has its own rate (its deviation is its mean) and its own share of negative ones."""
    hours = int(np.ceil(seconds / HOUR_S))
    counts = generator.poisson(rate_per_hour * generator.exponential(1.0, hours))
    evidence = share * SHARE_EVIDENCE, (1 - share) * SHARE_EVIDENCE
    shares = np.repeat(generator.beta(*evidence, hours), counts)
    times = np.repeat(np.arange(hours), counts) * HOUR_S + generator.uniform(0, HOUR_S, len(shares))
    order = np.argsort(times)
    return _labelled(times[order], (generator.random(len(shares)) < shares)[order])


def copied(
    generator: np.random.Generator, rate_per_hour: float, share: float, seconds: float
) -> Stream:
    """Each story comes four times on average, within some minutes and with one label."""
    firsts = _uniform(generator, rate_per_hour / COPIES * seconds / HOUR_S, seconds)
    copies = generator.geometric(1 / COPIES, len(firsts))
    negative = np.repeat(generator.random(len(firsts)) < share, copies)
    times = np.repeat(firsts, copies) + generator.exponential(COPIES_OVER_S, len(negative))
    order = np.argsort(times)
    inside = order[times[order] < seconds]
    return _labelled(times[inside], negative[inside])


def tweets(path: Path) -> dict[str, Floats]:
    """The Unix times of a StockNet stream's tweets by ticker, in order."""
    times: dict[str, list[float]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            times[row["ticker"]].append(datetime.fromisoformat(row["created_at"]).timestamp())
    return {ticker: np.sort(of_ticker) for ticker, of_ticker in times.items()}


def redrawn(generator: np.random.Generator, times: Floats, share: float) -> Stream:
    """Times as they were, each label drawn by itself."""
    return _labelled(times, generator.random(len(times)) < share)


def _uniform(generator: np.random.Generator, mean: float, seconds: float) -> Floats:
    times: Floats = np.sort(generator.uniform(0.0, seconds, generator.poisson(mean)))
    return times


def _labelled(times: Floats, negative: npt.NDArray[np.bool_]) -> Stream:
    for at, is_negative in zip(times.tolist(), negative.tolist(), strict=True):
        yield at, "negative" if is_negative else "neutral"
