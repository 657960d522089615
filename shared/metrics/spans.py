"""Quality of stretches found in texts, with bootstrap confidence intervals over the texts.

A stretch is right where it is the true one exactly, its label too. Notation of shapes: n texts.

    counts = count_spans([{(0, 5, "entity")}], [{(0, 5, "entity"), (9, 12, "entity")}])
    span_intervals(counts)["span_f1"]
"""

from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.metrics.bootstrap import SHARE, Indices, Interval, bootstrap

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """How many stretches each text has in truth, by prediction, and by both, each int64 [n]."""

    true: Counts
    predicted: Counts
    right: Counts


def count_spans(
    truth: Sequence[AbstractSet[Hashable]], predicted: Sequence[AbstractSet[Hashable]]
) -> SpanCounts:
    """Counts the stretches of each text.

    Raises:
        ValueError: the lengths differ.
    """
    pairs = list(zip(truth, predicted, strict=True))
    return SpanCounts(
        true=np.array([len(true) for true, _ in pairs], np.int64),
        predicted=np.array([len(found) for _, found in pairs], np.int64),
        right=np.array([len(true & found) for true, found in pairs], np.int64),
    )


def f1_of_spans(counts: SpanCounts, indices: Indices | slice = slice(None)) -> float:
    """F1 over all stretches (micro-averaged, as seqeval's) without an interval.

    It is 2 right / (true + predicted); 0 where there are none at all.
    """
    return ratio(2 * counts.right[indices], counts.true[indices] + counts.predicted[indices])


def span_figures(counts: SpanCounts) -> dict[str, Callable[[Indices], float]]:
    """Of the texts at some indices: F1 over all stretches, the share of the predicted ones that
    are right, and the share of the true ones that were found.
    """
    return {
        "span_f1": lambda at: f1_of_spans(counts, at),
        "span_precision": lambda at: ratio(counts.right[at], counts.predicted[at]),
        "span_recall": lambda at: ratio(counts.right[at], counts.true[at]),
    }


def span_intervals(counts: SpanCounts) -> dict[str, Interval]:
    """The same figures of all texts, with their intervals."""
    return {
        name: bootstrap(figure, len(counts.true), bounds=SHARE)
        for name, figure in span_figures(counts).items()
    }


def ratio(part: Counts, whole: Counts) -> float:
    """The sum of a part by that of the whole; 0 where that is 0."""
    total = int(whole.sum())
    return float(part.sum() / total) if total else 0.0
