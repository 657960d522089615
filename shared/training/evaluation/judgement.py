"""What answers are worth: figures that can be drawn again for an interval, and what explains them.

Notation of shapes: n units (texts, questions or queries), m answers with a confidence, c classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from shared.metrics.bootstrap import SHARE, Indices, Interval, bootstrap
from shared.metrics.calibration import Bools, Float64s, confidence_error
from shared.models.tasks import TaskOutput

OutputT = TypeVar("OutputT")

Statistic = Callable[[Indices], float]
"""A figure of the units at some indices int64 [n]."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class or type of entity: of how many it is the truth, and how well it is found."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the answers were as served, `served` [m], and whether they are `right`, bool [m].

    `raw` [m] is the confidence without the bundle's temperature, where it can be told.
    """

    served: Float64s
    right: Bools
    raw: Float64s | None = None


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often which class was taken for which: `counts` [c, c], rows are the truth."""

    labels: tuple[str, ...]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one bundle's answers to an evaluation are worth.

    `statistics` are in order, the first is the one that decides; each is better the higher it is.
    `baseline` is what the first reaches for answers that look at no input.
    """

    units: str
    n: int
    statistics: Mapping[str, Statistic]
    baseline: float
    classes: tuple[ClassFigures, ...] = ()
    confidence: Confidence | None = None
    confusion: Confusion | None = None

    @property
    def metric(self) -> str:
        """The name of the figure that decides."""
        return next(iter(self.statistics))

    def intervals(self, resamples: int) -> dict[str, Interval]:
        """Every figure with its 95 % interval."""
        figures = {
            name: bootstrap(statistic, self.n, resamples=resamples, bounds=SHARE)
            for name, statistic in self.statistics.items()
        }
        if self.confidence is not None and len(self.confidence.right):
            served, raw = self.confidence.served, self.confidence.raw
            right = self.confidence.right
            figures["ece"] = confidence_error(served, right, resamples=resamples)
            if raw is not None:
                figures["ece_raw"] = confidence_error(raw, right, resamples=resamples)
        return figures


def difference(
    ours: Judgement, theirs: Judgement, name: str, *, resamples: int, confidence: float
) -> Interval:
    """A figure of ours less theirs, by the paired bootstrap: both on the same drawn units.

    Source: Efron and Tibshirani (1993), chapter 16; Koehn, EMNLP 2004.

    Raises:
        ValueError: they were not judged on the same units.
    """
    if ours.n != theirs.n:
        raise ValueError(
            f"judged on {ours.n} and on {theirs.n} units: take one evaluation set for both"
        )
    left, right = ours.statistics[name], theirs.statistics[name]
    return bootstrap(
        lambda indices: left(indices) - right(indices),
        ours.n,
        resamples=resamples,
        confidence=confidence,
    )


def expect(output: TaskOutput, kind: type[OutputT]) -> OutputT:
    """The answers as those of a kind.

    Raises:
        TypeError: they are of another kind.
    """
    if not isinstance(output, kind):
        raise TypeError(f"expected a {kind.__name__}, got a {type(output).__name__}")
    return output


def mean(values: Float64s) -> Statistic:
    """The mean of the values [n] of some units."""
    return lambda at: float(values[at].mean())


def mean_among(values: Float64s, among: Bools) -> Statistic:
    """The mean over those units that are among some; 0 where a draw has none of them."""
    return lambda at: float(values[at] @ among[at] / max(int(among[at].sum()), 1))
