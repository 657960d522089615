"""Decayed counts against their definition, and leaders against a search."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ranking.behaviour.popularity import Popularity
from tests.shared.ranking.made import START_MS

START_S = START_MS / 1000
HALF_LIVES_S = (3_600.0, 60.0)


def test_counts_decay_by_half() -> None:
    popularity = Popularity(HALF_LIVES_S, 10)
    popularity.grow(2)
    popularity.add(0, 3.0, START_S)
    counts = popularity.at(START_S + 3_600.0, np.array([0, 1]))
    assert counts[0].tolist() == pytest.approx([1.5, 3.0 * 2.0**-60])
    assert counts[1].tolist() == [0.0, 0.0]


@given(st.lists(st.tuples(st.floats(0.1, 5.0), st.floats(0.0, 50_000.0)), min_size=1, max_size=30))
def test_counts_are_their_definition(events: list[tuple[float, float]]) -> None:
    popularity = Popularity(HALF_LIVES_S, 10)
    popularity.grow(1)
    for weight, after_s in events:
        popularity.add(0, weight, START_S + after_s)
    now_s = 50_000.0
    expected = [
        sum(weight * 2.0 ** -((now_s - after_s) / half_life) for weight, after_s in events)
        for half_life in HALF_LIVES_S
    ]
    counts = popularity.at(START_S + now_s, np.array([0]))[0]
    assert counts.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-30)


def test_what_speaks_against_an_item_makes_it_less_approved_and_not_less_popular() -> None:
    popularity = Popularity(HALF_LIVES_S, 10)
    popularity.grow(2)
    for row in (0, 1):
        popularity.add(row, 2.0, START_S)
    before = popularity.at(START_S, np.array([0, 1]))
    popularity.add(1, -1.0, START_S)
    assert (popularity.at(START_S, np.array([0, 1])) == before).all()
    good, bad = popularity.approval(np.array([0, 1])).tolist()
    assert good > bad


def test_approval_is_that_of_all_while_little_is_known() -> None:
    popularity = Popularity(HALF_LIVES_S, 10)
    popularity.grow(2)
    assert popularity.approval(np.array([0])).tolist() == [0.0]
    popularity.add(0, 2.0, START_S)
    assert popularity.approval(np.array([1])).tolist() == [2.0]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9_000)), max_size=120))
def test_leaders_are_those_of_a_search(events: list[tuple[int, int]]) -> None:
    popularity, kept = Popularity(HALF_LIVES_S, 3), 3
    popularity.grow(21)
    for row, after_s in events:
        popularity.add(row, 1.0, START_S + after_s)
    rows = np.arange(21)
    counted = popularity.at(START_S, rows)[:, 0] > 0.0
    expected = rows[popularity.order(rows)][: min(kept, int(counted.sum()))]
    assert popularity.leaders().tolist() == expected.tolist()
