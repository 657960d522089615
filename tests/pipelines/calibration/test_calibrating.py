from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import binom

from pipelines.calibration.calibrating import (
    Calibrated,
    EvidenceBundles,
    ThresholdRule,
    calibrate,
    publish,
)
from pipelines.calibration.fitting import fit_constants, hold_out
from pipelines.calibration.report import print_report
from pipelines.calibration.thresholds import threshold_of_risk, threshold_within, upper_bound
from shared.errors import InputError
from shared.retrieval.calibrations import (
    SUPPORT_CONFIDENCE,
    CalibrationQuestion,
    open_calibrations,
    risk_points,
)
from shared.retrieval.confidence import Evidence

BUNDLES = EvidenceBundles("embed@1", "intent@1", "judge@1")
DOMAINS = ("bank", "farm", "shop")


def asked(
    count: int, domains: tuple[str, ...] = DOMAINS, seed: int = 0
) -> list[CalibrationQuestion]:
    """Questions whose judge tells much of what is right; a quarter has no answer."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        answerable = number % 4 != 0
        judge = float(generator.normal(1.0 if answerable else -1.0, 1.5))
        right = answerable and bool(generator.random() < 1 / (1 + np.exp(-2 * judge)))
        evidence = Evidence(0.5, 0.5, 0.1, 0.0, 0.0, judge, float(generator.normal()), 0.0)
        found.append(
            CalibrationQuestion(domains[number % len(domains)], evidence, answerable, right)
        )
    return found


def made(rule: ThresholdRule, count: int = 1200) -> Calibrated:
    return calibrate(asked(count), BUNDLES, rule, "by hand")


def test_a_domain_is_held_out_from_what_gives_its_confidence() -> None:
    questions = asked(300)

    held = hold_out(questions)

    without = fit_constants([q for q in questions if q.set != "farm"])
    farm = [q for q in questions if q.set == "farm"]
    assert [q.held_out for q in held if q.set == "farm"] == pytest.approx(without.confidence(farm))
    assert [replace(q, held_out=None) for q in held] == questions


def test_one_domain_alone_is_held_out_by_fifths() -> None:
    questions = asked(100, ("shop",))

    held = hold_out(questions)

    rest = [q for number, q in enumerate(questions) if number % 5 != 2]
    assert held[2].held_out == pytest.approx(fit_constants(rest).confidence([questions[2]])[0])


def test_the_threshold_keeps_both_shares_and_is_the_smallest_that_does() -> None:
    found = made(ThresholdRule(most_wrong=0.08, most_unanswerable=0.15))
    threshold = found.calibration.threshold

    kept, before = risk_points(found.questions, (threshold, threshold - 0.01))

    assert kept.wrong is not None
    assert kept.unanswerable is not None
    assert before.wrong is not None
    assert before.unanswerable is not None
    assert kept.wrong <= 0.08
    assert kept.unanswerable <= 0.15
    assert before.wrong > 0.08 or before.unanswerable > 0.15
    assert found.calibration.pooled is not None
    assert found.calibration.pooled.at_threshold == kept


def test_shares_that_no_threshold_keeps_are_refused() -> None:
    sure = [replace(q, held_out=0.99, answerable=False, right=False) for q in asked(40)]

    with pytest.raises(InputError, match=r"no threshold up to 0\.95"):
        threshold_within(sure, 0.1, 0.2)


def test_a_given_threshold_stays() -> None:
    found = made(ThresholdRule(threshold=0.62)).calibration

    assert (found.threshold, found.chosen_by, found.risk) == (0.62, "given", None)


def test_a_bounded_risk_is_found_on_questions_that_fitted_nothing() -> None:
    found = made(ThresholdRule(risk=0.2)).calibration

    assert found.risk is not None
    assert (found.risk.level, found.risk.delta, found.risk.questions) == (0.2, 0.1, 600)
    assert found.risk.bound <= 0.2
    assert 0 < found.risk.answered < 600
    fresh = asked(20_000, seed=1)
    answered = [q for q in fresh if found.probability(q.evidence) >= found.threshold]
    assert np.mean([not q.right for q in answered]) <= 0.2


def test_a_suite_of_its_own_can_bound_the_risk() -> None:
    found = made(ThresholdRule(risk=0.3, bound_on=("farm",))).calibration

    assert found.risk is not None
    assert found.risk.questions == 200


def test_a_risk_that_cannot_be_bounded_is_refused() -> None:
    with pytest.raises(InputError, match="Ask more questions, or allow a higher risk"):
        made(ThresholdRule(risk=0.05), count=60)


def test_the_promise_holds_as_often_as_stated() -> None:
    """Of many calibrations at most a tenth exceeds the risk, which is known here."""
    exceeded = 0
    constants = fit_constants(asked(2000, seed=99))
    fresh = asked(20_000, seed=98)
    sure = constants.confidence(fresh)
    right = np.array([q.right for q in fresh])
    for seed in range(40):
        try:
            threshold, _ = threshold_of_risk(constants, asked(300, seed=seed), 0.15, 0.1)
        except InputError:
            continue
        exceeded += float((~right[sure >= threshold]).mean()) > 0.15
    assert exceeded <= 4


def test_the_upper_bound_is_the_binomials() -> None:
    bound = upper_bound(7, 100, 0.05)

    assert binom.cdf(7, 100, bound) == pytest.approx(0.05)
    assert upper_bound(0, 0, 0.1) == upper_bound(3, 3, 0.1) == 1.0


def test_what_is_published_serves_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_calibrations(tmp_path)
    found = made(ThresholdRule(risk=0.25))

    bundle = publish(store, found)
    again = publish(store, made(ThresholdRule(threshold=0.5)))
    print_report(Console(width=200), found)

    alias = store.aliases()[SUPPORT_CONFIDENCE]["champion"]
    assert (alias.bundle, alias.previous) == (again.id, bundle.id)
    said = capsys.readouterr().out
    for words in ("farm", "pooled", "0.95", "risk at most", "with certainty 0.9"):
        assert words in said
