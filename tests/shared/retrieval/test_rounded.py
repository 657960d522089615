"""Rounded vectors: no neighbour is lost by them, whatever the vectors are like."""

from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.retrieval.dense import Bools, Dense, Float32s
from shared.retrieval.rounded import Rounded

COUNT, WIDTH, K = 12_000, 384, 100


def unit(vectors: Float32s) -> Float32s:
    scaled: Float32s = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled.astype(np.float32)


def normal(*shape: int, seed: int = 0) -> Float32s:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def by_chance() -> Float32s:
    return unit(normal(COUNT, WIDTH))


def in_clusters() -> Float32s:
    centres = normal(60, WIDTH, seed=1)
    return unit(np.repeat(centres, COUNT // 60, axis=0) + 0.3 * normal(COUNT, WIDTH))


def in_one_cone() -> Float32s:
    """Like E5's, whose cosines are all high."""
    return unit(2 * normal(WIDTH, seed=2) + normal(COUNT, WIDTH))


def with_large_numbers() -> Float32s:
    vectors = normal(COUNT, WIDTH)
    vectors[:, :3] *= 8
    return unit(vectors)


def with_empty_titles() -> Float32s:
    vectors = by_chance()
    vectors[::3] = 0
    return vectors


KINDS = [by_chance, in_clusters, in_one_cone, with_large_numbers, with_empty_titles]


def assert_none_is_lost(vectors: Float32s, query: Float32s, k: int, alive: Bools | None) -> None:
    dense = Dense(vectors)
    products = vectors.astype(np.float64) @ query.astype(np.float64)
    products[slice(0) if alive is None else ~alive] = -np.inf
    expected = np.sort(products[products > -np.inf])[::-1][:k]

    found, scores = dense.search(query, k, alive)

    assert len(set(found.tolist())) == len(found) == len(expected)
    tolerance = 1e-5 * max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(products[found], expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=tolerance)
    assert np.array_equal(scores, dense.scores(query, found))


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("share_alive", [None, 0.7, 0.3])
def test_none_of_the_nearest_is_lost(
    make: Callable[[], Float32s], share_alive: float | None
) -> None:
    vectors = make()
    alive = None if share_alive is None else np.random.default_rng(3).random(COUNT) < share_alive

    for query in [*unit(normal(4, WIDTH, seed=4)), *unit(vectors[1:9:2] + 0.02 * normal(4, WIDTH))]:
        assert_none_is_lost(vectors, query, K, alive)


@pytest.mark.parametrize("make", KINDS)
def test_products_are_off_by_no_more_than_is_said(make: Callable[[], Float32s]) -> None:
    vectors = make()
    rounded = Rounded(vectors)

    for query in unit(vectors[1:9:2] + 0.02 * normal(4, WIDTH)):
        products, error = rounded.products(query)
        exact = vectors.astype(np.float64) @ query
        assert np.abs(products - exact).max() <= error
        # And near enough for few to remain: K of 12,000 are to be found.
        assert np.count_nonzero(products >= np.sort(exact)[-K] - error) < 20 * K


def test_of_equal_vectors_all_are_possible() -> None:
    vectors = np.repeat(unit(normal(1, WIDTH)), COUNT, axis=0)

    assert_none_is_lost(vectors, vectors[0], K, None)


@pytest.mark.parametrize("living", [0, 1, K - 1, K, K + 1, COUNT])
def test_only_rows_that_live_are_found(living: int) -> None:
    vectors = by_chance()
    alive = np.zeros(COUNT, np.bool_)
    alive[np.random.default_rng(5).permutation(COUNT)[:living]] = True

    found, _ = Dense(vectors).search(vectors[0], K, alive)

    assert len(found) == min(K, living)
    assert alive[found].all()
    assert_none_is_lost(vectors, vectors[0], K, alive)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 70),
    st.integers(1, 60),
    st.sampled_from([1e-30, 1e-3, 1.0, 1e4]),
    st.sampled_from([0.0, 1.0, 100.0]),
    st.booleans(),
)
def test_any_vectors_of_any_width(
    seed: int, width: int, k: int, scale: float, middle: float, masked: bool
) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((200, width), np.float32) * np.float32(scale)
    vectors += np.float32(middle * scale) * random.standard_normal(width, np.float32)
    vectors[:, : width // 5] = vectors[0, : width // 5]
    query = random.standard_normal(width, np.float32) * (seed % 7 > 0)
    alive = random.random(200) < 0.6 if masked else None

    with patch("shared.retrieval.dense._FEW", 40):
        assert_none_is_lost(vectors, query, k, alive)


def test_what_is_kept_beside_the_vectors_is_a_byte_a_number() -> None:
    vectors = by_chance()

    assert Dense(vectors).nbytes == vectors.nbytes + vectors.size
    assert Dense(vectors[:100]).nbytes == vectors[:100].nbytes
