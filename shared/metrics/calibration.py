"""Whether a probability means what it says: calibration error, and the temperature that mends it.

Notation of shapes: n examples, c classes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

from shared.metrics.bootstrap import SHARE, Indices, Interval, bootstrap
from shared.metrics.classification import Classes

Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_TEMPERATURES = (0.05, 20.0)


def softmax(logits: Floats, temperature: float = 1.0) -> Float64s:
    """Probabilities [n, c] of logits [n, c] divided by the temperature; each row sums to 1."""
    return np.exp(_log_softmax(logits, temperature))


def negative_log_likelihood(logits: Floats, truth: Classes, temperature: float = 1.0) -> float:
    """The mean over examples of -log p(true class), in nats."""
    return float(-_log_softmax(logits, temperature)[np.arange(len(truth)), truth].mean())


def fit_temperature(logits: Floats, truth: Classes) -> float:
    """The temperature, in 0.05..20, that makes `truth` [n] likeliest under logits [n, c].

    Dividing by it changes no ranking, so accuracy stays as it is.
    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    low, high = np.log(_TEMPERATURES)
    found = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits, truth, float(np.exp(log_t))),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-5},
    )
    return float(np.exp(found.x))


def expected_calibration_error(
    probabilities: Floats, truth: Classes, *, bins: int = 15, resamples: int = 1000
) -> Interval:
    """How far the confidence of the predicted class stands from its accuracy, in 0..1.

    Confidences fall into equally wide bins; the error is the mean over examples of
    |accuracy - confidence| of their bin. A bin includes its upper end.
    Source: Guo et al. (2017), equation 5.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    return confidence_error(confidence, right, bins=bins, resamples=resamples)


def confidence_error(
    confidence: Float64s, right: Bools, *, bins: int = 15, resamples: int = 1000
) -> Interval:
    """The same error of answers [n] whose confidence, and whether they are right, is known."""
    statistic = confidence_error_of(confidence, right, bins=bins)
    return bootstrap(statistic, len(right), resamples=resamples, bounds=SHARE)


def confidence_error_of(
    confidence: Float64s, right: Bools, *, bins: int = 15
) -> Callable[[Indices], float]:
    """The same error as a function of which of the answers are looked at."""
    bin_of = _bins(confidence, bins)
    gap = right - confidence
    return lambda indices: float(
        np.abs(np.bincount(bin_of[indices], weights=gap[indices])).sum() / len(indices)
    )


def debiased_confidence_error(
    confidence: Float64s, right: Bools, *, bins: int = 10, resamples: int = 1000
) -> Interval:
    """The same error with bins of equal count, and less of what chance alone adds to it.

    With few answers in a bin its accuracy is off by chance, and the absolute value makes an error
    of that even where every confidence is true. What resampling the bin's accuracy would add is
    taken off once; of what chance adds to 720 answers in ten bins, 0.037, that leaves 0.022. An
    error below 0 is given as 0.
    Source: Kumar et al., "Verified Uncertainty Calibration", NeurIPS 2019, section 5 (bins of equal
    count) and its library's correction of the absolute error, here in closed form; Roelofs et al.,
    "Mitigating Bias in Calibration Error Estimation", AISTATS 2022, on the bias.
    """
    return bootstrap(
        lambda indices: _debiased(confidence[indices], right[indices], bins),
        len(right),
        resamples=resamples,
        bounds=SHARE,
    )


@dataclass(frozen=True, slots=True)
class Reliability:
    """A reliability diagram: for each bin that is not empty its answers' mean confidence, the share
    of them that is right, and how many there are.
    """

    confidence: Float64s
    accuracy: Float64s
    counts: npt.NDArray[np.int64]


def reliability(confidence: Float64s, right: Bools, *, bins: int = 15) -> Reliability:
    """The bins that `confidence_error` is computed from."""
    bin_of = _bins(confidence, bins)
    counts = np.bincount(bin_of, minlength=bins)
    filled = counts > 0
    sums = (np.bincount(bin_of, weights=each, minlength=bins) for each in (confidence, right))
    means = [total[filled] / counts[filled] for total in sums]
    return Reliability(means[0], means[1], counts[filled])


def risk_coverage(confidence: Float64s, right: Bools) -> tuple[Float64s, Float64s]:
    """What share of answers is wrong if only the surest are given: coverage and risk, each [n].

    Answers of equal confidence come together, so that their order says nothing.
    Source: El-Yaniv and Wiener, "On the foundations of noise-free selective classification", 2010.
    """
    order = np.argsort(-confidence, kind="stable")
    given = 1.0 + np.arange(len(order))
    risk = np.cumsum(~right[order]) / given
    # The last answer of each stretch of equal confidence is where a threshold may stand.
    last = np.searchsorted(-confidence[order], -confidence[order], side="right") - 1
    return given[last] / len(order), risk[last]


def _debiased(confidence: Float64s, right: Bools, bins: int) -> float:
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    counts = np.array([len(part) for part in parts], np.float64)
    accuracy = np.array([right[part].mean() for part in parts])
    gap = np.abs(accuracy - np.array([confidence[part].mean() for part in parts]))
    spread = np.sqrt(accuracy * (1 - accuracy) / counts)
    by_chance = _mean_distance(gap, spread)
    return max(0.0, float((2 * gap - by_chance) @ counts / counts.sum()))


def _mean_distance(mean: Float64s, spread: Float64s) -> Float64s:
    """The mean of |x| for normal x: the folded normal distribution's."""
    # From 40 spreads on the second term is the mean itself, also where there is no spread.
    scaled = mean / np.maximum(spread, mean / 40.0 + np.finfo(np.float64).tiny)
    density = np.exp(-(scaled**2) / 2) / np.sqrt(2 * np.pi)
    folded: Float64s = 2 * spread * density + mean * (1 - 2 * ndtr(-scaled))
    return folded


def _bins(confidence: Float64s, bins: int) -> npt.NDArray[np.int64]:
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def _log_softmax(logits: Floats, temperature: float) -> Float64s:
    scaled = logits.astype(np.float64) / temperature
    shifted = scaled - scaled.max(axis=1, keepdims=True)
    normalised: Float64s = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalised
