"""From which confidence on an answer is given."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import beta

from pipelines.calibration.fitting import Constants, rights_of
from shared.errors import InputError
from shared.retrieval.calibrations import GRID, CalibrationQuestion, risk_points
from shared.retrieval.confidence import RiskBound

_FINE_GRID = tuple(round(step * 0.01, 2) for step in range(5, 96))


def threshold_within(
    held_out: Sequence[CalibrationQuestion], most_wrong: float, most_unanswerable: float
) -> float:
    """The smallest threshold that keeps both shares on held-out questions.

    `most_wrong` bounds the share of answerable questions that are answered from a wrong document,
    `most_unanswerable` the share of the others that are answered at all. Both fall as the threshold
    rises.

    Raises:
        InputError: no threshold keeps both.
    """
    for point in risk_points(held_out, _FINE_GRID):
        keeps_wrong = point.wrong is None or point.wrong <= most_wrong
        if keeps_wrong and (point.unanswerable or 0.0) <= most_unanswerable:
            return point.threshold
    raise InputError(
        f"no threshold up to {_FINE_GRID[-1]} answers at most {most_wrong:g} of the answerable "
        f"questions wrongly and at most {most_unanswerable:g} of the others: allow more, or give "
        "one by threshold"
    )


def threshold_of_risk(
    constants: Constants, questions: Sequence[CalibrationQuestion], level: float, delta: float
) -> tuple[float, RiskBound]:
    """The smallest threshold whose risk is at most `level`, but with probability `delta`.

    The risk is the share wrong or unwarranted among the answered. `questions` fitted nothing: of
    each threshold of the grid the exact upper bound of a binomial share is taken, at `delta`
    divided by the number of thresholds, so that all bounds hold together and the smallest that
    passes may be picked after looking.
    Source: Angelopoulos et al., "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk
    Control", 2021 (Bonferroni); Clopper and Pearson, Biometrika 26, 1934, for the bound; Geifman
    and El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017, for the risk.

    Raises:
        InputError: no threshold has such a bound.
    """
    confidence, right = constants.confidence(questions), rights_of(questions)
    bounds = []
    for threshold in GRID:
        answered = confidence >= threshold
        count, wrong = int(answered.sum()), int((answered & ~right).sum())
        bound = upper_bound(wrong, count, delta / len(GRID))
        if bound <= level:
            return threshold, RiskBound(
                level=level, delta=delta, bound=bound, questions=len(right), answered=count
            )
        bounds.append(bound)
    raise InputError(
        f"no threshold keeps the share wrong among the answered below {level:g} with certainty "
        f"{1 - delta:g}: the best bound on {len(right)} questions is {np.min(bounds):.2f}. Ask "
        "more questions, or allow a higher risk"
    )


def upper_bound(wrong: int, count: int, delta: float) -> float:
    """The share that is exceeded, where `wrong` of `count` are seen, with probability `delta`."""
    return 1.0 if wrong >= count else float(beta.ppf(1.0 - delta, wrong + 1, count - wrong))
