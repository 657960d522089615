"""Rows of a catalogue in an index that has its own order."""

import numpy as np
import pytest

from shared.ranking.arrays import Float32s
from shared.ranking.vectors.index import VectorSettings
from shared.ranking.vectors.item_index import ItemIndex
from tests.shared.ranking.made import WIDTH

DIRECTIONS = np.eye(WIDTH, dtype=np.float32)


def nearest(index: ItemIndex, query: Float32s, k: int, *allowed: int) -> list[int]:
    mask = None
    if allowed:
        mask = np.zeros(10, np.bool_)
        mask[list(allowed)] = True
    rows, _ = index.search(query[np.newaxis], k, mask)
    return [int(row) for row in rows[0]]


@pytest.mark.parametrize("rows", [[0, 1, 2], [7, 2, 5]])
def test_rows_are_those_of_the_catalogue(rows: list[int]) -> None:
    index = ItemIndex(np.array(rows), DIRECTIONS[:3])
    assert len(index) == 3
    query = DIRECTIONS[1] + 0.5 * DIRECTIONS[2]
    assert nearest(index, query, 2) == [rows[1], rows[2]]
    assert nearest(index, query, 2, rows[0], rows[2]) == [rows[2], rows[0]]
    assert nearest(index, query, 5)[3:] == [-1, -1]


def test_what_is_put_is_found_at_once() -> None:
    index = ItemIndex(np.array([4, 1]), DIRECTIONS[:2])
    index.put(np.array([9, 4]), DIRECTIONS[[2, 3]])
    assert len(index) == 3
    assert nearest(index, DIRECTIONS[2], 1) == [9]
    assert nearest(index, DIRECTIONS[3], 1) == [4]
    assert index.search(DIRECTIONS[:1], 1)[1][0, 0] == 0.0
    index.put(np.array([9]), DIRECTIONS[[5]])
    assert nearest(index, DIRECTIONS[5], 1, 4, 9) == [9]


def test_an_index_of_nothing_finds_nothing_and_grows() -> None:
    index = ItemIndex(np.zeros(0, np.int64), DIRECTIONS[:0])
    assert nearest(index, DIRECTIONS[0], 2) == [-1, -1]
    index.put(np.zeros(0, np.int64), DIRECTIONS[:0])
    index.put(np.array([3]), DIRECTIONS[:1])
    assert nearest(index, DIRECTIONS[0], 2) == [3, -1]


def test_an_index_says_when_it_should_be_built_anew() -> None:
    settings = VectorSettings(exact_below=4, fresh_at_most=2)
    index = ItemIndex(np.arange(2), DIRECTIONS[:2], settings)
    index.put(np.arange(2, 5), DIRECTIONS[2:5])
    assert index.needs_rebuild
    assert not ItemIndex(np.arange(5), DIRECTIONS[:5], settings).needs_rebuild
