"""What a variant is worth beside the one without remedies: differences paired over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from shared.metrics.bootstrap import Interval, interval_of
from shared.metrics.calibration import confidence_error_of
from shared.training.evaluation.judgement import Judgement, Statistic

CALIBRATION_ERROR = "ece"
"""The one figure that is better the lower it is."""


class Verdict(StrEnum):
    """What a difference says: its interval lies above 0, below it, or holds it."""

    HELPS = "helps"
    NONE = "no difference shown"
    HARMS = "harms"


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of a variant on a set: its mean over seeds, and how far that is from the other's."""

    metric: str
    value: float
    apart: Interval
    verdict: Verdict


def statistics_of(judgement: Judgement) -> dict[str, Statistic]:
    """The figures of a judgement that can be drawn again, the calibration error among them."""
    found = dict(judgement.statistics)
    confidence = judgement.confidence
    if confidence is not None and len(confidence.right) == judgement.n:
        found[CALIBRATION_ERROR] = confidence_error_of(confidence.served, confidence.right)
    return found


def compare(
    ours: Sequence[Judgement],
    theirs: Sequence[Judgement],
    metrics: Sequence[str],
    resamples: int,
) -> list[Difference]:
    """Each metric of one judgement a seed against another variant's, on the same units.

    Raises:
        ValueError: the two have not been judged on the same units with the same seeds.
    """
    units = {each.n for each in (*ours, *theirs)}
    if len(units) > 1 or len(ours) != len(theirs):
        raise ValueError(f"judged on {units} units with {len(ours)} and {len(theirs)} seeds")
    left, right = ([statistics_of(each) for each in some] for some in (ours, theirs))
    found = []
    for metric in metrics:
        pairs = [(one[metric], other[metric]) for one, other in zip(left, right, strict=True)]
        apart = _over_seeds(pairs, ours[0].n, resamples)
        every = np.arange(ours[0].n)
        value = float(np.mean([one(every) for one, _ in pairs]))
        found.append(Difference(metric, value, apart, _verdict(metric, apart)))
    return found


def _over_seeds(pairs: Sequence[tuple[Statistic, Statistic]], n: int, resamples: int) -> Interval:
    """The mean difference over seeds, with the 95 % interval of other seeds and other units.

    Each draw takes as many of the seeds as there are, and as many of the units, both with
    replacement; both variants are looked at with the same ones. Three seeds say little about all
    seeds: the interval is rather too narrow than too wide.

    Source: Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8.
    """
    generator = np.random.default_rng(0)
    draws = []
    for _ in range(resamples):
        seeds = generator.integers(0, len(pairs), size=len(pairs))
        at = generator.integers(0, n, size=n)
        apart = {seed: pairs[seed][0](at) - pairs[seed][1](at) for seed in set(seeds.tolist())}
        draws.append(float(np.mean([apart[seed] for seed in seeds.tolist()])))
    every = np.arange(n)
    value = float(np.mean([one(every) - other(every) for one, other in pairs]))
    return interval_of(draws, value, n)


def _verdict(metric: str, apart: Interval) -> Verdict:
    sign = -1 if metric == CALIBRATION_ERROR else 1
    low, high = sorted((sign * apart.low, sign * apart.high))
    if low > 0:
        return Verdict.HELPS
    return Verdict.HARMS if high < 0 else Verdict.NONE


def metrics_of(judgements: Sequence[Judgement], named: Sequence[str] | None) -> list[str]:
    """The figures to compare: those that are named, or what decides and the calibration error.

    Raises:
        KeyError: a named one is none of the kind's.
    """
    known = statistics_of(judgements[0])
    if named is None:
        return [judgements[0].metric, *(name for name in known if name == CALIBRATION_ERROR)]
    for name in named:
        known[name]
    return list(named)
