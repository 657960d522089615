import numpy as np
import pytest

from shared.metrics.bootstrap import bootstrap, bootstrap_mean


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
