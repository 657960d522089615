"""Each side of retrieval against an independent reference."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.retrieval.dense import Dense
from shared.retrieval.fusion import SPARSE_WEIGHT, dense_score, fuse, sparse_score
from shared.retrieval.sparse import Sparse
from shared.retrieval.tokens import tokenize

WORDS = st.lists(st.sampled_from(["apple", "pear", "plum", "fig", "nut"]), max_size=6)


@given(st.lists(WORDS, min_size=1, max_size=8), WORDS)
def test_sparse_scores_are_bm25(texts: list[list[str]], asked: list[str]) -> None:
    sparse = Sparse.of([tuple(words) for words in texts])
    mean_length = sum(map(len, texts)) / len(texts)

    scores = sparse.scores(tuple(asked))

    for words, score in zip(texts, scores, strict=True):
        counts = Counter(words)
        expected = 0.0
        for word in asked:
            holding = sum(word in other for other in texts)
            idf = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
            assert sparse.idf(word) == pytest.approx(idf if any(texts) else 0.0)
            if counts[word]:
                length = 1 - 0.75 + 0.75 * len(words) / mean_length
                expected += idf * counts[word] / (counts[word] + 1.5 * length)
        assert score == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_words_are_stemmed_and_stop_words_left_out() -> None:
    assert tokenize("The Cards were blocked, at 3 ATMs!") == ("card", "were", "block", "3", "atm")


@given(st.integers(0, 40), st.integers(1, 50))
def test_dense_search_is_exact(count: int, k: int) -> None:
    vectors = np.random.default_rng(count).standard_normal((count, 8)).astype(np.float32)
    asked = np.ones(8, np.float32)
    dense = Dense(vectors)

    rows, scores = dense.search(asked, k)

    assert np.array_equal(dense.vectors, vectors)
    assert len(rows) == min(k, count)
    expected = np.sort(vectors @ asked)[::-1][:k]
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


def test_a_passage_without_a_title_is_judged_by_itself() -> None:
    title, passage = np.array([[0.2, 0.9], [0.8, 0.4]], np.float32)
    has_title = np.array([True, False])

    np.testing.assert_allclose(
        dense_score(title, passage, has_title), [0.6 * 0.8 + 0.4 * 0.2, 0.4], rtol=1e-6
    )
    np.testing.assert_allclose(sparse_score(title, passage, has_title), [0.5, 0.4], rtol=1e-6)
    np.testing.assert_allclose(fuse(passage, title), passage + SPARSE_WEIGHT * title, rtol=1e-6)
