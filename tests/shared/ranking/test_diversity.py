"""Maximal marginal relevance against the formula, term by term."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.ranking.arrays import Float32s
from shared.ranking.diversity import NO_GROUP, mmr


def unit(count: int, seed: int, width: int = 8) -> Float32s:
    vectors = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def by_definition(scores: Float32s, vectors: Float32s, trade_off: float, count: int) -> list[int]:
    """The chosen by the formula of the module's docstring, candidate by candidate."""
    by_score: list[int] = np.argsort(-scores, kind="stable").tolist()
    count = min(count, len(scores))
    chosen: list[int] = []

    def worth(place: int) -> float:
        alike = sum(max(float(vectors[place] @ vectors[each]), 0.0) for each in chosen)
        discounted = 1 / (1 + by_score.index(place)) / math.log2(len(chosen) + 2)
        return float(trade_off * discounted - (1 - trade_off) * alike / count)

    for _ in range(count):
        chosen.append(max((n for n in range(len(scores)) if n not in chosen), key=worth))
    return sorted(chosen, key=by_score.index)


@given(st.integers(1, 25), st.integers(0, 30), st.floats(0.01, 1), st.integers(0, 1_000))
def test_the_chosen_are_those_of_the_formula(
    count: int, wanted: int, trade_off: float, seed: int
) -> None:
    scores = np.random.default_rng(seed).normal(0, 10, count).astype(np.float32)
    vectors = unit(count, seed)

    order = mmr(scores, vectors, trade_off=trade_off, count=wanted).tolist()

    assert order == by_definition(scores, vectors, trade_off, wanted)


def test_without_variety_the_order_is_that_of_the_scores() -> None:
    scores = np.array([1, 5, 3, 5], np.float32)

    assert mmr(scores, unit(4, 0), trade_off=1, count=9).tolist() == [1, 3, 2, 0]


def test_a_copy_of_what_was_chosen_makes_way() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    scores = np.array([1.0, 0.9, 0.5], np.float32)

    assert mmr(scores, vectors, trade_off=0.5, count=2).tolist() == [0, 2]
    assert mmr(scores, vectors, trade_off=0.95, count=2).tolist() == [0, 1]


@given(st.floats(0.01, 1e6), st.floats(-1e3, 1e3))
def test_the_scale_of_the_scores_does_not_matter(factor: float, shift: float) -> None:
    scores = np.array([0.0, 0.3, 0.7, 1.0, 0.2], np.float32)
    vectors = unit(5, 3)
    scaled = (scores * factor + shift * factor).astype(np.float32)

    order = mmr(scaled, vectors, trade_off=0.6, count=5)

    assert (order == mmr(scores, vectors, trade_off=0.6, count=5)).all()


def test_a_group_has_at_most_so_many() -> None:
    scores = np.arange(10, dtype=np.float32)
    groups = np.array([0, 0, 1, 1, 1, 1, 2, 2, 2, 2], np.int64)

    order = mmr(scores, unit(10, 1), trade_off=1, count=10, groups=groups, max_per_group=2)

    assert order.tolist() == [9, 8, 5, 4, 1, 0]


def test_candidates_without_a_group_have_no_cap() -> None:
    groups = np.array([NO_GROUP, NO_GROUP, 7, 7], np.int64)

    order = mmr(
        np.ones(4, np.float32), unit(4, 1), trade_off=1, count=4, groups=groups, max_per_group=1
    )

    assert order.tolist() == [0, 1, 2]


def test_nothing_is_chosen_from_nothing() -> None:
    order = mmr(np.zeros(0, np.float32), unit(0, 1), trade_off=0.5, count=5)

    assert order.tolist() == []
    assert order.dtype == np.int64


def test_scores_as_far_apart_as_can_be_keep_their_order() -> None:
    largest = np.finfo(np.float32).max
    scores = np.array([-largest, 0, largest], np.float32)

    assert mmr(scores, unit(3, 1), trade_off=1, count=3).tolist() == [2, 1, 0]


def test_what_was_given_stays_as_it_was() -> None:
    scores, vectors = unit(1, 5)[0], unit(8, 6)
    before = scores.copy(), vectors.copy()

    mmr(scores, vectors, trade_off=0.5, count=8)

    assert (scores == before[0]).all()
    assert (vectors == before[1]).all()


@pytest.mark.parametrize("trade_off", [-0.1, 1.1, float("nan")])
def test_a_wrong_trade_off_is_refused(trade_off: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        mmr(np.ones(2, np.float32), unit(2, 1), trade_off=trade_off, count=1)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_not_finite_is_refused(score: float) -> None:
    with pytest.raises(InputError, match="not finite"):
        mmr(np.array([1, score], np.float32), unit(2, 1), trade_off=0.5, count=1)


def test_a_cap_of_nothing_is_refused() -> None:
    groups = np.zeros(2, np.int64)

    with pytest.raises(InputError, match="at most 0"):
        mmr(
            np.ones(2, np.float32), unit(2, 1), trade_off=1, count=1, groups=groups, max_per_group=0
        )
