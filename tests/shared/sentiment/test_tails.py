import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, nbinom

from shared.sentiment.tails import count_tail, share_tail


@given(st.integers(0, 300), st.floats(0.1, 200), st.floats(10, 1e6), st.floats(60, 1e5))
def test_count_tail_is_that_of_the_negative_binomial(
    count: int, shape: float, rate: float, exposure: float
) -> None:
    expected = nbinom.sf(count - 1, shape, rate / (rate + exposure))
    assert count_tail(count, shape, rate, exposure) == pytest.approx(expected, rel=1e-6, abs=1e-300)


@given(st.integers(0, 400), st.integers(0, 400), st.floats(0.1, 60), st.floats(0.1, 60))
def test_share_tail_is_that_of_the_beta_binomial(
    count: int, others: int, alpha: float, beta: float
) -> None:
    total = count + others
    expected = betabinom.sf(count - 1, total, alpha, beta) if total else 1.0
    assert share_tail(count, total, alpha, beta) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(st.integers(1, 200), st.integers(0, 200), st.floats(0.1, 60), st.floats(0.1, 60))
def test_small_tails_are_as_exact_as_large_ones(
    count: int, others: int, alpha: float, beta: float
) -> None:
    total = count + others
    terms = betabinom.pmf(range(count, total + 1), total, alpha, beta)
    assert share_tail(count, total, alpha, beta) == pytest.approx(sum(terms), rel=1e-6, abs=1e-12)
    if count < total:
        assert share_tail(count + 1, total, alpha, beta) <= share_tail(count, total, alpha, beta)


def test_nothing_is_never_a_surprise() -> None:
    assert count_tail(0, 1.0, 1.0, 1.0) == 1.0
    assert share_tail(0, 0, 1.0, 3.0) == 1.0
