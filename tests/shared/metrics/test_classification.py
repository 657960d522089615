import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from shared.metrics.classification import accuracy, f1_of_classes, macro_f1

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60)


@settings(deadline=None)
@given(PAIRS)
def test_equals_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(pairs, dtype=np.int64).T
    assert f1_of_classes(truth, predicted) == pytest.approx(
        f1_score(truth, predicted, average="macro")
    )
    assert accuracy(truth, predicted, resamples=1).value == pytest.approx(
        accuracy_score(truth, predicted)
    )


def test_reference_value() -> None:
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    # Class 0: precision 1, recall 1/2; class 1: precision 2/3, recall 1.
    assert f1_of_classes(truth, predicted) == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_intervals() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 4, 300)
    predicted = np.where(generator.random(300) < 0.8, truth, generator.integers(0, 4, 300))
    for interval in (accuracy(truth, predicted), macro_f1(truth, predicted)):
        assert 0.7 < interval.low < interval.value < interval.high < 0.95
