import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.metrics.bootstrap import Interval, bootstrap, bootstrap_mean
from shared.metrics.calibration import confidence_error
from shared.metrics.classification import macro_f1


def test_interval_holds_the_value_and_repeats() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, size=400)
    interval = bootstrap_mean(values)
    assert interval.value == pytest.approx(values.mean())
    assert interval.low < interval.value < interval.high
    assert interval.n == 400
    assert bootstrap_mean(values) == interval


def test_width_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(2).normal(size=2_000)
    interval = bootstrap_mean(values, resamples=4_000)
    expected = 2 * 1.96 * values.std() / np.sqrt(len(values))
    assert interval.high - interval.low == pytest.approx(expected, rel=0.05)


def test_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    intervals = [
        bootstrap_mean(generator.random(60) < 0.7, resamples=200, seed=i) for i in range(200)
    ]
    covered = np.mean([interval.low <= 0.7 <= interval.high for interval in intervals])
    assert 0.88 <= covered <= 0.99


def test_constant_values_have_no_width() -> None:
    interval = bootstrap_mean([1.0, 1.0, 1.0])
    assert (interval.low, interval.high) == (1.0, 1.0)


def test_needs_examples() -> None:
    with pytest.raises(ValueError, match="at least one example"):
        bootstrap(lambda _: 0.0, 0)


def test_a_figure_that_is_biased_on_resamples_stays_in_its_interval() -> None:
    """Like a calibration error: noise alone makes each resample's larger than the value."""
    noise = np.random.default_rng(4).normal(size=(40, 30)) + 0.1
    noise -= noise.mean(axis=1, keepdims=True)

    interval = bootstrap(
        lambda indices: float(np.abs(noise[:, indices % 30].mean(axis=1)).mean()), 30, bounds=(0, 1)
    )

    assert interval.low == 0.0
    assert interval.value < 1e-12 < interval.high


@pytest.mark.parametrize("n", [5, 60, 600])
def test_calibration_errors_and_macro_f1_lie_in_their_intervals(n: int) -> None:
    for seed in range(20):
        generator = np.random.default_rng(seed)
        confidence = generator.uniform(0.5, 1.0, n)
        right = generator.random(n) < confidence
        truth = np.zeros(n, np.int64)
        predicted = np.where(generator.random(n) < 0.7, 0, generator.integers(1, 30, n))
        for interval in (
            confidence_error(confidence, right, resamples=200),
            macro_f1(truth, predicted, resamples=200),
        ):
            assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_macro_f1_of_many_classes_covers_the_truth() -> None:
    """Plain percentiles do in 80 of these 100 cases; each class has about 13 examples."""
    intervals = [_macro_f1(seed, 1_000) for seed in range(100)]
    truth = _macro_f1(100, 200_000, resamples=1).value
    assert sum(interval.low <= truth <= interval.high for interval in intervals) >= 90


def _macro_f1(seed: int, n: int, resamples: int = 200) -> Interval:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 77, n)
    predicted = np.where(generator.random(n) < 0.9, truth, generator.integers(0, 77, n))
    return macro_f1(truth, predicted, resamples=resamples)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.integers(0, 9))
def test_a_mean_stays_in_its_interval_and_among_its_values(values: list[float], seed: int) -> None:
    interval = bootstrap_mean(values, resamples=50, seed=seed)
    assert min(values) - 1e-12 <= interval.low <= interval.value <= interval.high
    assert interval.high <= max(values) + 1e-12
