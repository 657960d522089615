"""What a trained classifier is worth on dev, and the temperature that calibrates it.

Notation of shapes: n dev examples, c classes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.metrics.bootstrap import Interval
from shared.metrics.calibration import expected_calibration_error, fit_temperature, softmax
from shared.metrics.classification import Classes, accuracy, macro_f1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`metrics` are accuracy, macro_f1, ece_before and ece_after (expected calibration error)."""

    metrics: dict[str, Interval]
    temperature: float


def evaluate_classifier(logits: npt.NDArray[np.float32], truth: Classes) -> Evaluation:
    """Measures logits [n, c] against classes [n], and fits the temperature on all of them.

    `ece_after` is cross-fitted: each half is scaled by the temperature that fits the other half,
    so that it is not measured on the examples that it was fitted to.
    """
    predicted = logits.argmax(axis=1)
    return Evaluation(
        metrics={
            "accuracy": accuracy(truth, predicted),
            "macro_f1": macro_f1(truth, predicted),
            "ece_before": expected_calibration_error(softmax(logits), truth),
            "ece_after": expected_calibration_error(_cross_fitted(logits, truth), truth),
        },
        temperature=fit_temperature(logits, truth),
    )


def _cross_fitted(logits: npt.NDArray[np.float32], truth: Classes) -> npt.NDArray[np.float64]:
    """Probabilities [n, c], each row's temperature fitted without it."""
    probabilities = np.empty(logits.shape)
    halves = np.array_split(np.random.default_rng(0).permutation(len(truth)), 2)
    for half, other in (halves, reversed(halves)):
        probabilities[half] = softmax(logits[half], fit_temperature(logits[other], truth[other]))
    return probabilities
