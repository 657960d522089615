"""The constants of a logistic regression, and the confidence that each question gets held out.

Notation of shapes: q questions, f fields of `Evidence`.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression

from shared.errors import InputError
from shared.metrics.calibration import Bools, Float64s
from shared.retrieval.calibrations import CalibrationQuestion, domain_weights
from shared.retrieval.confidence import Evidence

_DIGITS = 4
_FOLDS = 5
_INVERSE_L2 = 100.0


@dataclass(frozen=True, slots=True)
class Constants:
    """A weight for each field of `Evidence`, and the intercept."""

    weights: dict[str, float]
    intercept: float

    def confidence(self, questions: Sequence[CalibrationQuestion]) -> Float64s:
        """The probability [q] that each question's best passage is right."""
        logits = evidence_of(questions) @ np.array(list(self.weights.values())) + self.intercept
        sure: Float64s = 1.0 / (1.0 + np.exp(-np.clip(logits, -500.0, 500.0)))
        return sure


def fit_constants(questions: Sequence[CalibrationQuestion]) -> Constants:
    """The likeliest constants, where each domain weighs the same.

    Raises:
        InputError: the best passages are all right, or all wrong.
    """
    right = rights_of(questions)
    if right.all() or not right.any():
        which = "right" if len(right) and right.all() else "wrong"
        raise InputError(
            f"of {len(right)} questions to fit by, every best passage is {which}: give questions "
            "of both"
        )
    model = LogisticRegression(C=_INVERSE_L2, max_iter=2000)
    weights = domain_weights([question.set for question in questions])
    model.fit(evidence_of(questions), right, sample_weight=weights)
    found = (round(float(weight), _DIGITS) for weight in model.coef_[0])
    constants = dict(zip(Evidence.__slots__, found, strict=True))
    return Constants(constants, round(float(model.intercept_[0]), _DIGITS))


def hold_out(questions: Sequence[CalibrationQuestion]) -> list[CalibrationQuestion]:
    """Each question with the confidence that constants fitted without its domain give it.

    Where there is one domain alone, a fifth of its questions is left out at a time.

    Raises:
        InputError: without one of the domains the best passages are all right, or all wrong.
    """
    parts = _parts(questions)
    held: list[CalibrationQuestion | None] = [None] * len(questions)
    for part in sorted(set(parts)):
        rest = [q for q, other in zip(questions, parts, strict=True) if other != part]
        places = [place for place, other in enumerate(parts) if other == part]
        left_out = [questions[place] for place in places]
        confidence = fit_constants(rest).confidence(left_out)
        for place, question, sure in zip(places, left_out, confidence, strict=True):
            held[place] = replace(question, held_out=float(sure))
    return [question for question in held if question is not None]


def evidence_of(questions: Sequence[CalibrationQuestion]) -> Float64s:
    """The evidence [q, f]."""
    rows = [astuple(question.evidence) for question in questions]
    return np.array(rows, np.float64).reshape(-1, len(Evidence.__slots__))


def rights_of(questions: Sequence[CalibrationQuestion]) -> Bools:
    """Whether each question's best passage is right [q]."""
    return np.array([question.right for question in questions], np.bool_)


def _parts(questions: Sequence[CalibrationQuestion]) -> list[str]:
    """The domain of each question, or its fold where all are of one."""
    domains = [question.set for question in questions]
    if len(set(domains)) > 1:
        return domains
    return [str(number % _FOLDS) for number in range(len(questions))]
