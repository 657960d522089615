import numpy as np
import pytest

from shared.metrics.ranking import coverage, intra_list_distance, popularity_lift

LISTS = np.array([[0, 1], [1, -1]])


def test_coverage_counts_each_item_once() -> None:
    assert coverage(LISTS, 4) == 0.5


def test_an_empty_catalogue_has_no_coverage() -> None:
    with pytest.raises(ValueError, match="0 items"):
        coverage(LISTS, 0)


def test_the_distance_is_that_of_all_pairs() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(5, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [1.0 - float(vectors[a] @ vectors[b]) for a, b in ((0, 1), (0, 4), (1, 4))]
    (found,) = intra_list_distance(np.array([[0, 4, 1, -1]]), vectors)
    assert found == pytest.approx(np.mean(pairs), abs=1e-6)


def test_a_list_of_one_has_no_distance_and_unknown_texts_are_unrelated() -> None:
    vectors = np.zeros((2, 3), np.float32)
    assert intra_list_distance(LISTS, vectors).tolist() == [1.0, 0.0]


def test_the_lift_compares_with_what_was_chosen() -> None:
    assert popularity_lift(LISTS, [4.0, 1.0], np.array([1, 1])) == pytest.approx(1.0)


def test_no_list_at_all_has_nothing_of_what_was_chosen() -> None:
    assert popularity_lift(np.array([[-1]]), [4.0], np.array([0])) == -1.0


def test_a_lift_over_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no counts"):
        popularity_lift(LISTS, [0.0, 0.0], np.array([1]))
