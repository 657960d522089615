"""The vector index against a plain product of matrices."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.ranking.arrays import Bools, Float32s, Int64s
from shared.ranking.vectors.index import VectorIndex, VectorSettings
from shared.ranking.vectors.inverted_rows import InvertedRows, ListSettings, recall
from shared.ranking.vectors.search import NO_ROW

WIDTH = 16
IN_LISTS = VectorSettings(exact_below=1, fresh_at_most=20)
EXACT_IN_LISTS = VectorSettings(exact_below=1, lists=ListSettings(recall=1.0, recall_at=1_000))


def unit(count: int, seed: int = 0, topics: int = 20) -> Float32s:
    """Unit vectors [count, WIDTH] in clusters."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((topics, WIDTH))
    vectors = centres[random.integers(0, topics, count)]
    vectors = vectors + 0.4 * random.standard_normal((count, WIDTH))
    made: Float32s = vectors.astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def nearest(vectors: Float32s, queries: Float32s, k: int, allowed: Bools | None = None) -> Int64s:
    scores = queries @ vectors.T
    if allowed is not None:
        scores[:, ~allowed] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


@pytest.fixture(params=[VectorSettings(), EXACT_IN_LISTS], ids=["exact", "lists"])
def settings(request: pytest.FixtureRequest) -> VectorSettings:
    """Two kinds of index that both find everything."""
    assert isinstance(request.param, VectorSettings)
    return request.param


def same(found: tuple[Int64s, Float32s], vectors: Float32s, queries: Float32s, k: int) -> bool:
    """Whether the scores are those of the nearest; float16 may swap rows that are about equal."""
    expected = np.take_along_axis(queries @ vectors.T, nearest(vectors, queries, k), axis=1)
    return bool(np.allclose(found[1], expected, atol=2e-3))


def test_the_nearest_are_found_with_their_scores(settings: VectorSettings) -> None:
    vectors, queries = unit(500), unit(7, seed=1)

    rows, scores = VectorIndex(vectors, settings).search(queries, 10)

    assert rows.shape == scores.shape == (7, 10)
    assert rows.dtype == np.int64
    assert same((rows, scores), vectors, queries, 10)
    assert np.allclose(scores, np.einsum("qd,qkd->qk", queries, vectors[rows]), atol=2e-3)


def test_a_filter_comes_before_the_cut(settings: VectorSettings) -> None:
    vectors, queries = unit(500), unit(3, seed=1)
    allowed = np.zeros(500, np.bool_)
    allowed[nearest(vectors, queries, 500)[0, 300:305]] = True

    rows, scores = VectorIndex(vectors, settings).search(queries, 8, allowed)

    for found in rows:
        assert sorted(found[:5]) == np.flatnonzero(allowed).tolist()
        assert (found[5:] == NO_ROW).all()
    assert np.isneginf(scores[:, 5:]).all()


def test_a_filter_that_leaves_nothing_finds_nothing(settings: VectorSettings) -> None:
    index = VectorIndex(unit(100), settings)
    index.add(unit(3))

    rows, _ = index.search(unit(1), 5, np.zeros(103, np.bool_))

    assert (rows == NO_ROW).all()


def test_an_addition_is_found_at_once(settings: VectorSettings) -> None:
    vectors, more = unit(300), unit(40, seed=2)
    index = VectorIndex(vectors, settings)

    index.add(more)

    assert len(index) == 340
    assert same(index.search(more, 20), np.concatenate([vectors, more]), more, 20)
    allowed = np.arange(340) >= 300
    rows, _ = index.search(more, 3, allowed)
    assert (rows[:, 0] == np.arange(300, 340)).all()
    assert (rows >= 300).all()


@pytest.mark.parametrize("row", [0, 305], ids=["built", "fresh"])
def test_a_replaced_row_is_found_by_its_new_vector_alone(
    settings: VectorSettings, row: int
) -> None:
    vectors = np.concatenate([unit(300), unit(10, seed=2)])
    index = VectorIndex(vectors[:300], settings)
    index.add(vectors[300:])

    for seed in (5, 6):
        vectors[row] = unit(1, seed=seed)[0]
        index.replace(row, vectors[row])

        rows, _ = index.search(vectors[row][np.newaxis], 310)
        assert rows[0, 0] == row
        assert sorted(rows[0]) == list(range(310))
        assert same(index.search(unit(4, seed=9), 310), vectors, unit(4, seed=9), 310)
    assert len(index) == 310


def test_a_row_without_a_vector_is_never_found(settings: VectorSettings) -> None:
    vectors = unit(102)[:-1]
    vectors[::2] = 0
    index = VectorIndex(vectors, settings)
    index.add(np.zeros((1, WIDTH), np.float32))

    for allowed in (None, np.ones(102, np.bool_)):
        found = index.search(unit(1), 102, allowed)[0][0]
        assert sorted(found) == [NO_ROW] * 52 + list(range(1, 100, 2))

    index.replace(1, np.zeros(WIDTH, np.float32))
    index.replace(100, vectors[3])
    found = index.search(vectors[3][np.newaxis], 101)[0][0]
    assert set(found[:2]) == {3, 100}
    assert 1 not in found
    index.replace(100, np.zeros(WIDTH, np.float32))
    assert 100 not in index.search(vectors[3][np.newaxis], 101)[0][0]


def test_nothing_is_found_in_nothing() -> None:
    index = VectorIndex(np.zeros((0, WIDTH), np.float32))

    rows, scores = index.search(unit(2), 3)

    assert (rows == NO_ROW).all()
    assert np.isneginf(scores).all()
    index.add(unit(5))
    assert (index.search(unit(5), 1)[0][:, 0] == np.arange(5)).all()
    assert index.search(unit(5), 0)[0].shape == (5, 0)
    assert index.search(unit(5)[:0], 3)[0].shape == (0, 3)


def test_lists_find_what_their_build_promised() -> None:
    vectors, queries = unit(20_000, topics=300), unit(100, seed=1, topics=300)
    index = VectorIndex(vectors, IN_LISTS)
    built = index.built
    assert isinstance(built, InvertedRows)
    assert 1 <= built.probes < 64

    assert recall(nearest(vectors, queries, 100), index.search(queries, 100)[0]) > 0.93
    for share in (0.5, 0.05, 0.006):
        allowed = np.random.default_rng(1).random(20_000) < share
        found, _ = index.search(queries, 100, allowed)
        assert allowed[found].all()
        assert recall(nearest(vectors, queries, 100, allowed), found) > 0.9


def test_a_category_far_from_what_is_asked_for_is_found() -> None:
    vectors = unit(20_000, topics=300)
    farthest = int(np.argmin(vectors @ vectors[0]))
    allowed = vectors @ vectors[farthest] > 0.6
    assert (vectors @ vectors[0])[allowed].max() < 0
    index = VectorIndex(vectors, IN_LISTS)

    found, _ = index.search(vectors[:1], 100, allowed)

    assert allowed[found].all()
    assert recall(nearest(vectors, vectors[:1], 100, allowed), found) > 0.9


def test_an_index_of_many_fresh_rows_wants_a_rebuild() -> None:
    index = VectorIndex(unit(30), IN_LISTS)

    index.add(unit(20))
    assert not index.needs_rebuild
    index.add(unit(1))
    assert index.needs_rebuild
    assert not VectorIndex(unit(51), IN_LISTS).needs_rebuild


@given(st.data())
def test_any_sequence_of_writes_finds_what_is_left(data: st.DataObject) -> None:
    pool = unit(60, seed=3)
    vectors = pool[: data.draw(st.integers(0, 20))].copy()
    index = VectorIndex(vectors, data.draw(st.sampled_from([VectorSettings(), IN_LISTS])))
    for _ in range(data.draw(st.integers(0, 8))):
        made = pool[data.draw(st.lists(st.integers(0, 59), min_size=1, max_size=4))].copy()
        made[: data.draw(st.integers(0, 1))] = 0
        if len(vectors) and data.draw(st.booleans()):
            row = data.draw(st.integers(0, len(vectors) - 1))
            vectors[row] = made[0]
            index.replace(row, made[0])
        else:
            vectors = np.concatenate([vectors, made])
            index.add(made)
    allowed = np.random.default_rng(len(vectors)).random(len(vectors)) < 0.7

    found = index.search(pool[:1], len(vectors), allowed)[0][0]

    assert set(found) - {NO_ROW} <= set(np.flatnonzero(allowed & vectors.any(axis=1)))
    if len(index.built) < 2 or not isinstance(index.built, InvertedRows):
        assert set(found) - {NO_ROW} == set(np.flatnonzero(allowed & vectors.any(axis=1)))


def test_a_search_computes_on_its_own_thread() -> None:
    vectors = np.random.default_rng(0).standard_normal((20_000, 384), dtype=np.float32)
    index = VectorIndex(vectors)

    def is_alone() -> bool:
        begun_s, begun_here_s = time.process_time(), time.thread_time()
        for _ in range(10):
            index.search(vectors[:4], 100)
        here_s = time.thread_time() - begun_here_s
        return time.process_time() - begun_s < 1.3 * here_s + 0.01

    # A thread that another test has left may work beside it, but not all the while.
    assert any(is_alone() for _ in range(20))


def test_searches_see_each_row_once_while_others_write() -> None:
    vectors = unit(2_000)
    index = VectorIndex(vectors, EXACT_IN_LISTS)
    begin, stop = threading.Barrier(3, timeout=60), threading.Event()

    def search() -> int:
        searches = 0
        begin.wait()
        while not searches or not stop.is_set():
            rows, _ = index.search(vectors[:1], 2_000)
            assert len(set(rows[0])) == 2_000
            searches += 1
        return searches

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(search) for _ in range(2)]
        try:
            begin.wait()
            for row in range(200):
                index.replace(row, vectors[row + 1])
                index.add(vectors[row : row + 1])
        finally:
            stop.set()
        assert all(future.result(timeout=60) for future in running)


@pytest.mark.parametrize("width", [WIDTH - 1, WIDTH + 1])
def test_another_width_is_refused(width: int) -> None:
    index = VectorIndex(unit(5))
    wrong = np.ones((1, width), np.float32)

    with pytest.raises(InputError, match="width 16"):
        index.search(wrong, 1)
    with pytest.raises(InputError, match="width 16"):
        index.add(wrong)
    with pytest.raises(InputError, match="width 16"):
        index.replace(0, wrong[0])


def test_what_is_not_finite_is_refused() -> None:
    vectors = unit(5)
    vectors[3, 2] = np.nan

    with pytest.raises(InputError, match="vector 3 of 5"):
        VectorIndex(vectors)
    with pytest.raises(InputError, match="vector 3 of 5"):
        VectorIndex(unit(5)).add(vectors)


def test_a_row_that_is_not_there_and_a_filter_of_another_length_are_refused() -> None:
    index = VectorIndex(unit(5))

    with pytest.raises(InputError, match="row 5 of 5"):
        index.replace(5, unit(1)[0])
    with pytest.raises(InputError, match="index has 5"):
        index.search(unit(1), 1, np.ones(4, np.bool_))
