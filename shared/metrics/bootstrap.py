"""Confidence intervals by the percentile bootstrap over examples.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure measured on `n` examples, between the ends of its confidence interval."""

    value: float
    low: float
    high: float
    n: int


def bootstrap(
    statistic: Callable[[Indices], float],
    n: int,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The interval of a statistic that is a function of which of `n` examples are looked at.

    `statistic` takes indices int64 [n], drawn with replacement; the value is that of all
    examples once, in order. The same seed gives the same resamples, so that two systems
    measured on the same examples are compared on the same draws.

    Raises:
        ValueError: there are no examples.
    """
    if n < 1:
        raise ValueError("a confidence interval needs at least one example")
    generator = np.random.default_rng(seed)
    draws = [statistic(generator.integers(0, n, size=n)) for _ in range(resamples)]
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(draws, (tail, 1.0 - tail))
    return Interval(float(statistic(np.arange(n))), float(low), float(high), n)


def bootstrap_mean(
    values: npt.ArrayLike, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """The interval of a mean of per-example values [n], such as hits or nDCG of each query."""
    array = np.asarray(values, dtype=np.float64)
    return bootstrap(
        lambda indices: float(array[indices].mean()),
        len(array),
        resamples=resamples,
        confidence=confidence,
        seed=seed,
    )
