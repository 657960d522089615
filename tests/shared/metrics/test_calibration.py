import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from shared.metrics.calibration import (
    confidence_error,
    debiased_confidence_error,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    risk_coverage,
    softmax,
)


def _sample(temperature: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and classes drawn from their softmax at a temperature."""
    generator = np.random.default_rng(7)
    logits = generator.normal(0.0, 2.0, size=(n, 5))
    gumbel = generator.gumbel(size=logits.shape)
    return logits, (logits / temperature + gumbel).argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_recovers_a_known_temperature(temperature: float) -> None:
    logits, truth = _sample(temperature)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.05)


def test_scaling_mends_the_error_and_keeps_the_classes() -> None:
    logits, truth = _sample(3.0)
    before, after = softmax(logits), softmax(logits, fit_temperature(logits, truth))
    assert expected_calibration_error(before, truth, resamples=1).value > 0.2
    assert expected_calibration_error(after, truth, resamples=1).value < 0.02
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()


def test_likelihood_equals_scikit_learn() -> None:
    logits, truth = _sample(1.0, n=500)
    expected = log_loss(truth, softmax(logits, 1.7), labels=range(5))
    assert negative_log_likelihood(logits, truth, 1.7) == pytest.approx(expected)


def test_calibration_error_reference() -> None:
    # One bin of ten holds both 0.82s (one right), one the 0.95 (right), one the 0.55 (wrong).
    probabilities = np.array([[0.82, 0.18], [0.82, 0.18], [0.05, 0.95], [0.55, 0.45]])
    truth = np.array([0, 1, 1, 1])
    error = expected_calibration_error(probabilities, truth, bins=10)
    assert error.value == pytest.approx((2 * abs(0.5 - 0.82) + 0.05 + 0.55) / 4)


def test_a_bin_includes_its_upper_end() -> None:
    # 0.6 and 0.55 share the bin (0.5, 0.6], so their errors cancel in part.
    probabilities = np.array([[0.6, 0.4], [0.55, 0.45]])
    error = expected_calibration_error(probabilities, np.array([0, 1]), bins=10)
    assert error.value == pytest.approx(abs(1.0 - 1.15) / 2)


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=8), st.floats(0.05, 20))
def test_softmax_is_a_distribution(row: list[float], temperature: float) -> None:
    probabilities = softmax(np.array([row]), temperature)
    assert probabilities.sum() == pytest.approx(1.0)
    assert (probabilities >= 0).all()


def test_softmax_survives_large_logits() -> None:
    assert softmax(np.array([[1e4, 0.0]], dtype=np.float32))[0].tolist() == [1.0, 0.0]


def test_the_bins_of_the_diagram_give_the_error() -> None:
    logits, truth = _sample(2.0, n=500)
    probabilities = softmax(logits)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth

    bins = reliability(confidence, right)

    gaps = np.abs(bins.accuracy - bins.confidence) * bins.counts
    error = expected_calibration_error(probabilities, truth, resamples=10)
    assert gaps.sum() / len(truth) == pytest.approx(error.value)
    assert confidence_error(confidence, right, resamples=10) == error


def test_the_surest_are_answered_first_and_equal_ones_together() -> None:
    confidence = np.array([0.6, 0.9, 0.6, 0.8])
    right = np.array([True, True, False, False])

    coverage, risk = risk_coverage(confidence, right)

    assert np.unique(coverage).tolist() == [0.25, 0.5, 1.0]
    assert risk[coverage == 0.25].tolist() == [0.0]
    assert risk[coverage == 0.5].tolist() == [0.5]
    assert set(risk[coverage == 1.0].tolist()) == {0.5}


def test_chance_alone_adds_less_to_the_debiased_error() -> None:
    generator = np.random.default_rng(3)
    plain, debiased = [], []
    for _ in range(200):
        confidence = generator.random(720)
        right = generator.random(720) < confidence
        plain.append(confidence_error(confidence, right, bins=10, resamples=1).value)
        debiased.append(debiased_confidence_error(confidence, right, resamples=1).value)

    # The error is 0: all of what is found is chance.
    assert np.mean(debiased) < 0.025 < 0.035 < np.mean(plain)


def test_a_large_error_is_found_whole() -> None:
    generator = np.random.default_rng(3)
    right = generator.random(2000) < 0.4

    found = debiased_confidence_error(np.full(2000, 0.7), right)

    assert found.value == pytest.approx(0.3, abs=0.03)
    assert found.low < found.value < found.high
    assert found.n == 2000


def test_bins_hold_equally_many() -> None:
    # Two bins of two: in each one is right, at a mean confidence of 0.15 and 0.95.
    confidence = np.array([0.9, 0.1, 1.0, 0.2])
    right = np.array([True, True, False, False])
    gap, spread = np.array([0.35, 0.45]), np.sqrt(0.5 * 0.5 / 2)
    draws = np.random.default_rng(0).normal(gap, spread, (400_000, 2))
    expected = np.mean(2 * gap - np.abs(draws).mean(axis=0))

    found = debiased_confidence_error(confidence, right, bins=2, resamples=1)

    assert found.value == pytest.approx(expected, abs=0.002)


def test_one_answer_has_an_error_too() -> None:
    found = debiased_confidence_error(np.array([0.8]), np.array([True]))

    assert found.value == pytest.approx(0.2)
