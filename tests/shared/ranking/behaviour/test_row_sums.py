"""Sums by row."""

import numpy as np

from shared.ranking.arrays import Int64s
from shared.ranking.behaviour.row_sums import RowSums, strongest

NOTHING: Int64s = np.zeros(0, np.int64)


def test_sums_are_in_the_order_of_the_rows() -> None:
    sums = RowSums(np.array([7, 2, 9, 7]))
    found = sums.of(np.array([2, 7, 3, 2, 10]), np.array([1.0, 5.0, 9.0, 0.5, 1.0], np.float32))
    assert found.tolist() == [5.0, 1.5, 0.0, 5.0]


def test_of_nothing_there_are_no_sums() -> None:
    no_weights = np.zeros(0, np.float32)
    assert RowSums(NOTHING).of(np.array([1]), np.ones(1, np.float32)).tolist() == []
    assert RowSums(np.array([3])).of(NOTHING, no_weights).tolist() == [0.0]
    assert strongest(NOTHING, no_weights).tolist() == []


def test_the_strongest_come_first_and_once() -> None:
    rows = np.array([4, 1, 4, 2])
    assert strongest(rows, np.array([1.0, 1.5, 1.0, 1.5], np.float32)).tolist() == [4, 1, 2]
