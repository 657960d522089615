import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from shared.metrics.retrieval import hit_at_k, judge, mrr_at_k, ndcg_at_k, recall_at_k


def test_reference_values() -> None:
    ranking = judge(
        [["a", "b", "c"], ["x", "y"], []], [{"c": 1.0}, {"y": 2.0, "z": 1.0}, {"q": 1.0}]
    )
    assert hit_at_k(ranking, 1).tolist() == [0.0, 0.0, 0.0]
    assert hit_at_k(ranking, 3).tolist() == [1.0, 1.0, 0.0]
    assert mrr_at_k(ranking, 10).tolist() == pytest.approx([1 / 3, 1 / 2, 0.0])
    assert mrr_at_k(ranking, 2).tolist() == pytest.approx([0.0, 1 / 2, 0.0])
    assert recall_at_k(ranking, 10).tolist() == pytest.approx([1.0, 0.5, 0.0])
    second = (2 / np.log2(3)) / (2 + 1 / np.log2(3))
    assert ndcg_at_k(ranking, 10).tolist() == pytest.approx([0.5, second, 0.0])


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=12), st.integers(1, 12), st.randoms())
def test_ndcg_equals_scikit_learn(gains: list[int], k: int, random) -> None:  # type: ignore[no-untyped-def]
    if not any(gains):
        gains[0] = 1
    ids = [f"d{i}" for i in range(len(gains))]
    relevance = dict(zip(ids, map(float, gains), strict=True))
    ranked = random.sample(ids, len(ids))
    scores = [[-float(ranked.index(i)) for i in ids]]
    expected = ndcg_score([gains], scores, k=k)
    assert ndcg_at_k(judge([ranked], [relevance]), k)[0] == pytest.approx(expected)


def test_a_repeated_id_counts_once() -> None:
    ranking = judge([["a", "a", "b"]], [{"a": 1.0, "b": 1.0}])
    assert ranking.gains.tolist() == [[1.0, 1.0]]
    assert ndcg_at_k(ranking, 10)[0] == pytest.approx(1.0)


def test_refuses_what_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="query 1 has no relevant item"):
        judge([["a"], ["b"]], [{"a": 1.0}, {"b": 0.0}])
    with pytest.raises(ValueError, match="1 rankings for 2 queries"):
        judge([["a"]], [{"a": 1.0}, {"b": 1.0}])
