"""A calibration, made of questions that were asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from pipelines.calibration.fitting import Constants, fit_constants, hold_out
from pipelines.calibration.thresholds import threshold_of_risk, threshold_within
from shared.artifacts.aliases import CHAMPION
from shared.artifacts.promotion import change_champion, promoting
from shared.metrics.calibration import debiased_confidence_error
from shared.metrics.metric import Metric
from shared.retrieval.calibrations import (
    SUPPORT_CONFIDENCE,
    CalibrationBundle,
    CalibrationQuestion,
    Calibrations,
    risk_points,
    write_questions,
)
from shared.retrieval.confidence import Calibration, Figures, RiskBound

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class EvidenceBundles:
    """The bundles that gave the evidence; None where no intent was asked, nothing judged.

    `judge_weight` is what a unit of the judge's logit near 0 added to a passage's score.
    """

    embed: str
    intent: str | None = None
    judge: str | None = None
    judge_weight: float = 0.05


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """How the threshold is chosen: as given, by a bound of the risk, or by two shares.

    See `threshold_of_risk` for `risk` and `delta`, `threshold_within` for the other two. `bound_on`
    names the sets whose questions bound them; all where it is empty.
    """

    threshold: float | None = None
    risk: float | None = None
    delta: float = 0.1
    most_wrong: float = 0.1
    most_unanswerable: float = 0.2
    bound_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibration and its questions, each with its held-out confidence."""

    calibration: Calibration
    questions: Sequence[CalibrationQuestion]


def calibrate(
    questions: Sequence[CalibrationQuestion],
    bundles: EvidenceBundles,
    rule: ThresholdRule,
    command: str,
    *,
    name: str = SUPPORT_CONFIDENCE,
) -> Calibrated:
    """Fits the constants, chooses the threshold, and measures both on domains held out.

    All questions fit the constants; where a risk is bounded, every other one of each domain, and
    the bound is found on the rest.

    Raises:
        InputError: the best passages are all right or all wrong, or no threshold keeps the rule.
    """
    held_out = hold_out(questions)
    constants, threshold, risk = _choose(held_out, rule)
    domains = sorted({question.set for question in held_out})
    calibration = Calibration(
        name=name,
        embed_bundle=bundles.embed,
        intent_bundle=bundles.intent,
        judge_bundle=bundles.judge,
        judge_weight=bundles.judge_weight,
        weights=constants.weights,
        intercept=constants.intercept,
        threshold=threshold,
        chosen_by=_said(rule),
        risk=risk,
        command=command,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        domains={
            domain: _figures([q for q in held_out if q.set == domain], threshold)
            for domain in domains
        },
        pooled=_figures(held_out, threshold),
    )
    return Calibrated(calibration, held_out)


def publish(store: Calibrations, made: Calibrated) -> CalibrationBundle:
    """Writes a calibration into the store and lets it serve.

    Raises:
        ConflictError: another promotion is under way.
    """
    calibration = made.calibration
    bundle = store.write(calibration, lambda folder: write_questions(folder, made.questions))
    with promoting(store.root):
        before = store.named(calibration.name, CHAMPION)
        change_champion(
            store,
            calibration.name,
            bundle.id,
            before=before,
            evidence={"action": "calibrate", "command": calibration.command},
            at_s=datetime.fromisoformat(calibration.created_at).timestamp(),
        )
    return bundle


def _choose(
    held_out: Sequence[CalibrationQuestion], rule: ThresholdRule
) -> tuple[Constants, float, RiskBound | None]:
    if rule.risk is not None:
        fitting, rest = _halves(held_out)
        constants = fit_constants(fitting)
        bounding = [q for q in rest if not rule.bound_on or q.set in rule.bound_on]
        threshold, bound = threshold_of_risk(constants, bounding, rule.risk, rule.delta)
        return constants, threshold, bound
    bounding = [q for q in held_out if not rule.bound_on or q.set in rule.bound_on]
    threshold = rule.threshold or threshold_within(
        bounding, rule.most_wrong, rule.most_unanswerable
    )
    return fit_constants(held_out), threshold, None


def _halves(
    questions: Sequence[CalibrationQuestion],
) -> tuple[list[CalibrationQuestion], list[CalibrationQuestion]]:
    """Every other question of each domain, and the rest."""
    halves: tuple[list[CalibrationQuestion], list[CalibrationQuestion]] = ([], [])
    seen: dict[str, int] = {}
    for question in questions:
        number = seen.get(question.set, 0)
        seen[question.set] = number + 1
        halves[number % 2].append(question)
    return halves


def _said(rule: ThresholdRule) -> str:
    if rule.risk is not None:
        return (
            f"the smallest whose risk is at most {rule.risk:g}, but with probability "
            f"{rule.delta:g} (Learn then Test)"
        )
    if rule.threshold is not None:
        return "given"
    return (
        f"the smallest that answers, on held-out domains, at most {rule.most_wrong:g} of the "
        f"answerable wrongly and at most {rule.most_unanswerable:g} of the unanswerable"
    )


def _figures(questions: Sequence[CalibrationQuestion], threshold: float) -> Figures:
    confidence = np.array([question.held_out for question in questions], np.float64)
    right = np.array([question.right for question in questions], np.bool_)
    answerable = sum(question.answerable for question in questions)
    error = debiased_confidence_error(confidence, right)
    (point,) = risk_points(questions, (threshold,))
    return Figures(
        questions=len(questions),
        answerable=answerable,
        best_right=round(float(right.sum()) / answerable, _DIGITS) if answerable else None,
        calibration_error=Metric(value=error.value, low=error.low, high=error.high, n=error.n),
        brier=round(float(np.mean((confidence - right) ** 2)), _DIGITS),
        at_threshold=point,
    )
