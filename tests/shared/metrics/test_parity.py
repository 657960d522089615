import numpy as np
import pytest

from shared.errors import InputError
from shared.metrics.parity import parity, parity_of_labels

GROUPS = ["women"] * 4 + ["men"] * 6
TRUTH = np.array([1, 1, 0, 0, 1, 1, 1, 1, 0, 0], dtype=np.bool_)
PREDICTED = np.array([1, 0, 0, 0, 1, 1, 1, 0, 1, 0], dtype=np.bool_)


def test_differences_are_those_of_the_rates() -> None:
    """Women: 1 of 4 selected, 1 of 2 found, 0 of 2 mistaken; men: 4 of 6, 3 of 4, 1 of 2."""
    found = parity(TRUTH, PREDICTED, GROUPS)
    women, men = found.groups["women"], found.groups["men"]
    assert (women.selected, women.found, women.mistaken, women.n) == (0.25, 0.5, 0.0, 4)
    assert men.selected == pytest.approx(4 / 6)
    assert (men.found, men.mistaken, men.n) == (0.75, 0.5, 6)
    assert found.demographic_parity == pytest.approx(4 / 6 - 0.25)
    assert found.equal_opportunity == pytest.approx(0.25)
    assert found.equalised_odds == pytest.approx(0.5)


def test_equal_rates_have_no_difference() -> None:
    found = parity(np.tile(TRUTH, 2), np.tile(PREDICTED, 2), ["a"] * 10 + ["b"] * 10)
    assert (found.demographic_parity, found.equal_opportunity, found.equalised_odds) == (0, 0, 0)


def test_each_label_is_compared_with_all_others() -> None:
    truth, predicted = TRUTH.astype(np.int64), PREDICTED.astype(np.int64)
    found = parity_of_labels(truth, predicted, GROUPS, ("bad", "good"))
    assert found["good"] == parity(TRUTH, PREDICTED, GROUPS)
    assert found["bad"].equal_opportunity == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("truth", "groups", "said"),
    [
        (TRUTH, ["women"] * 10, "two groups at least, found"),
        (np.arange(10) < 4, GROUPS, "'men' has no row of the class: add some"),
        (np.arange(10) >= 4, GROUPS, "'men' has no row of another class"),
    ],
)
def test_rates_over_no_rows_are_refused(
    truth: np.ndarray[tuple[int], np.dtype[np.bool_]], groups: list[str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        parity(truth, PREDICTED, groups)


def test_the_label_is_named() -> None:
    truth = np.zeros(10, dtype=np.int64)
    with pytest.raises(InputError, match="label 'bad': the group 'men' has no row of another"):
        parity_of_labels(truth, truth, GROUPS, ("bad", "good"))
