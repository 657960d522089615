"""Items as rows: what an event tells, which event holds, and what is found by category or age."""

import itertools
import math

import numpy as np
import pytest

from shared.errors import InputError
from shared.ranking.catalogue import MAX_CATEGORIES, Catalogue
from shared.ranking.events import ItemEvent
from tests.shared.ranking.made import START_MS, WIDTH, item


def test_of_each_field_the_newest_event_that_names_it_holds_whichever_came_last() -> None:
    old = item("lamp", at_ms=START_MS, title="Old", category="Attic", price=1.0, available=False)
    new = item("lamp", at_ms=START_MS + 1, title="New", price=2.0)
    moved = item("lamp", at_ms=START_MS + 2, category="Desk")
    back = ItemEvent("back", START_MS + 3, "lamp", {"available": None})
    for events in itertools.permutations((old, new, moved, back)):
        catalogue = Catalogue(WIDTH)
        for event in events:
            catalogue.put(event)
        assert catalogue.titles == ["New"]
        assert catalogue.price.tolist() == [2.0]
        assert catalogue.available.tolist() == [True]
        assert catalogue.unavailable_count == 0
        assert catalogue.first_seen_s.tolist() == [START_MS / 1000]
        assert catalogue.rows_in_category("Desk").tolist() == [0]
        assert catalogue.rows_in_category("Attic").tolist() == []


def test_an_item_that_comes_back_to_a_category_is_found_there_once() -> None:
    catalogue = Catalogue(WIDTH)
    for place, category in enumerate(("Desk", "Attic", "Desk")):
        catalogue.put(item("lamp", at_ms=START_MS + place, category=category))
    assert catalogue.rows_in_category("Desk").tolist() == [0]
    assert catalogue.rows_in_category("Garden").tolist() == []


def test_categories_are_several_and_bounded() -> None:
    catalogue = Catalogue(WIDTH)
    names = tuple(f"c{number}" for number in range(MAX_CATEGORIES + 3))
    catalogue.put(item("lamp", category=("c0", *names)))
    assert catalogue.category_codes[0].tolist() == list(range(MAX_CATEGORIES))


@pytest.mark.parametrize("price", [0.0, -3.0, 1e300, math.inf, math.nan, "cheap", True, (1.0,)])
def test_what_is_no_price_is_none(price: float | str | bool | tuple[float, ...]) -> None:
    catalogue = Catalogue(WIDTH)
    catalogue.put(item("lamp", price=price))
    assert math.isnan(catalogue.price[0])


def test_unavailable_items_are_counted() -> None:
    catalogue = Catalogue(WIDTH)
    catalogue.put(item("lamp", available=False))
    catalogue.put(item("rug"))
    assert catalogue.available.tolist() == [False, True]
    assert catalogue.unavailable_count == 1


def test_an_item_is_known_by_its_vector_alone() -> None:
    catalogue = Catalogue(WIDTH)
    vectors = np.eye(2, WIDTH, dtype=np.float32)
    assert catalogue.set_vectors(["a", "b"], vectors).tolist() == [0, 1]
    assert catalogue.has_vector.tolist() == [True, True]
    assert np.isinf(catalogue.first_seen_s).all()
    assert catalogue.newest(3).tolist() == []


def test_vectors_of_another_width_are_refused() -> None:
    with pytest.raises(InputError, match="width 16"):
        Catalogue(WIDTH).set_vectors(["a"], np.zeros((1, 3), np.float32))


def test_rows_survive_growth() -> None:
    catalogue = Catalogue(WIDTH)
    vectors = np.random.default_rng(0).random((3_000, WIDTH), np.float32)
    for number in range(3_000):
        row = catalogue.put(item(f"i{number}", at_ms=START_MS + number, price=number + 1.0))
        assert row == number
        catalogue.set_vectors([f"i{number}"], vectors[[number]])
    assert catalogue.price.tolist() == [number + 1.0 for number in range(3_000)]
    rows = np.random.default_rng(1).integers(0, 3_000, 1_000)
    np.testing.assert_array_equal(catalogue.vectors[rows], vectors[rows])
    catalogue.set_vectors([catalogue.ids[row] for row in range(3_000)], -vectors)
    np.testing.assert_array_equal(catalogue.vectors[rows], -vectors[rows])
    assert catalogue.vectors[rows[:0]].shape == (0, WIDTH)
    assert catalogue.rows_of(["i7", "nobody", "i3"]).tolist() == [7, 3]
    assert catalogue.row_of("nobody") is None


def test_the_newest_items_in_their_order() -> None:
    catalogue = Catalogue(WIDTH)
    times = np.random.default_rng(0).permutation(2_500)
    for number, time in enumerate(times.tolist()):
        catalogue.put(item(f"i{number}", at_ms=START_MS + time))
        if number % 400 == 5:
            seen = times[: number + 1]
            assert catalogue.newest(4).tolist() == np.argsort(-seen)[:4].tolist()
    assert catalogue.newest(4).tolist() == np.argsort(-times)[:4].tolist()
