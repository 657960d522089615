import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score  # type: ignore[import-untyped]

from shared.metrics.spans import count_spans, f1_of_spans, span_intervals
from shared.models.tag import entity_stretches

TRUTH = [{(0, 5, "x")}, {(0, 3, "x"), (7, 9, "y")}, set(), {(1, 2, "x")}]
FOUND = [{(0, 5, "x")}, {(0, 3, "y"), (7, 9, "y")}, {(4, 6, "x")}, set()]

SPANS = st.lists(
    st.tuples(
        st.sets(st.tuples(st.integers(0, 3), st.integers(4, 6)), max_size=4),
        st.sets(st.tuples(st.integers(0, 3), st.integers(4, 6)), max_size=4),
    ),
    min_size=1,
    max_size=6,
)


def test_a_stretch_is_right_only_as_a_whole() -> None:
    counts = count_spans(TRUTH, FOUND)
    assert counts.true.tolist() == [1, 2, 0, 1]
    assert counts.predicted.tolist() == [1, 2, 1, 0]
    assert counts.right.tolist() == [1, 1, 0, 0]
    figures = span_intervals(counts)
    assert figures["span_precision"].value == figures["span_recall"].value == 0.5
    interval = figures["span_f1"]
    assert (interval.value, interval.n) == (0.5, 4)
    assert interval.low < 0.5 < interval.high


def test_nothing_true_and_nothing_found() -> None:
    counts = count_spans([set()], [set()])
    assert {each.value for each in span_intervals(counts).values()} == {0.0}


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="shorter"):
        count_spans([set()], [])


@given(SPANS)
def test_f1_is_the_harmonic_mean(
    pairs: list[tuple[set[tuple[int, int]], set[tuple[int, int]]]],
) -> None:
    counts = count_spans([true for true, _ in pairs], [found for _, found in pairs])
    right = sum(len(true & found) for true, found in pairs)
    f1 = f1_of_spans(counts)
    if right:
        precision = right / counts.predicted.sum()
        recall = right / counts.true.sum()
        assert f1 == pytest.approx(float(2 * precision * recall / (precision + recall)))
    else:
        assert f1 == 0.0
    assert f1_of_spans(counts, np.arange(len(pairs))) == f1


TAGS = st.lists(st.sampled_from(["O", "B-x", "I-x", "B-y", "I-y"]), min_size=1, max_size=6)


@given(st.lists(TAGS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_f1_equals_seqeval(truth: list[list[str]], chance: random.Random) -> None:
    found = [[tag if chance.random() < 0.7 else "I-x" for tag in tags] for tags in truth]
    counts = count_spans(*([set(entity_stretches(t)) for t in tags] for tags in (truth, found)))
    assert f1_of_spans(counts) == pytest.approx(f1_score(truth, found, zero_division=0))
