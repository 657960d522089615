"""Each feature against a value worked out by hand."""

import math

import numpy as np
import pytest

from shared.ranking.features.table import FEATURES, feature_matrix, feature_names
from shared.ranking.query import Query
from shared.ranking.settings import StateSettings
from tests.shared.ranking.made import (
    DAY_MS,
    START_MS,
    asked,
    did,
    features_of,
    item,
    state_of,
    user,
)

DAYS = [START_MS + day * DAY_MS for day in range(10)]


def test_names_are_unique_and_those_of_the_columns() -> None:
    state = state_of([item("lamp", title="Lamp")])
    assert len(set(feature_names())) == len(feature_names())
    for names, feature in FEATURES:
        assert feature(asked(), np.array([0]), state).shape == (1, len(names))
    assert feature_matrix(asked(), np.array([0]), state).dtype == np.float32


@pytest.mark.parametrize("query", [asked(), asked("ann"), asked("nobody", session="none")])
def test_no_items_have_no_rows(query: Query) -> None:
    state = state_of([item("lamp", title="Lamp", price=2.0), did("ann", "click", "lamp")])
    nothing = np.zeros(0, np.int64)
    assert feature_matrix(query, nothing, state).shape == (0, len(feature_names()))


def test_nothing_is_known_of_a_stranger() -> None:
    state = state_of([item("lamp", title="Lamp", category="Desk", price=2.0)])
    found = features_of(state, asked("nobody"), "lamp")
    for name in ("text_taste", "text_last", "category_mean", "price_gap", "context_category"):
        assert math.isnan(found[name][0])
    for name in ("together_after", "together_cosine", "popular_week", "times_met", "position"):
        assert found[name] == [0.0]


def test_text_is_compared_with_what_was_liked() -> None:
    state = state_of(
        [
            item("lamp", title="desk lamp"),
            item("rug", title="wool rug"),
            item("bulb", title="lamp bulb"),
            item("secret"),
            did("ann", "click", "lamp", at_ms=DAYS[0]),
            did("ann", "click", "rug", at_ms=DAYS[1]),
            did("ann", "dislike", "bulb", at_ms=DAYS[2]),
            did("ann", "click", "secret", at_ms=DAYS[3]),
        ],
        StateSettings(taste_half_life_s=1e12),
    )
    vectors = state.catalogue.vectors[np.arange(len(state.catalogue))]
    found = features_of(state, asked("ann"), "bulb", "lamp", "secret")
    taste = (vectors[0] + vectors[1]) / np.linalg.norm(vectors[0] + vectors[1])
    assert found["text_taste"][0] == pytest.approx(float(vectors[2] @ taste), abs=1e-5)
    assert found["text_nearest"][0] == pytest.approx(float(vectors[2] @ vectors[0]), abs=1e-5)
    assert found["text_last"][0] == pytest.approx(float(vectors[2] @ vectors[1]), abs=1e-5)
    assert found["text_nearest"][1] == pytest.approx(1.0, abs=1e-5)
    assert math.isnan(found["text_taste"][2])


def test_taste_moves_to_what_was_liked_lately() -> None:
    state = state_of(
        [
            item("lamp", title="lamp"),
            item("rug", title="rug"),
            did("ann", "click", "lamp", at_ms=DAYS[0]),
            did("ann", "click", "rug", at_ms=DAYS[9]),
        ],
        StateSettings(taste_half_life_s=3 * 86_400.0),
    )
    _, shares = state.taste(asked("ann"))
    assert shares.tolist() == [0.125, 1.0]
    lamp, rug = features_of(state, asked("ann"), "lamp", "rug")["text_taste"]
    assert rug > lamp


def test_what_went_together() -> None:
    visits = [("ann", "lamp"), ("ann", "bulb"), ("bob", "lamp"), ("bob", "rug"), ("eve", "lamp")]
    state = state_of(
        [did(who, "click", what, at_ms=START_MS + n) for n, (who, what) in enumerate(visits)]
    )
    found = features_of(state, asked("eve"), "bulb", "rug", "lamp")
    # The lamp was clicked 3 times, each other item once, after it; shrinkage adds 2 to each.
    assert found["together_after"] == pytest.approx([1 / 5, 1 / 5, 0.0])
    assert found["together_cosine"] == pytest.approx([1 / math.sqrt(5 * 3)] * 2 + [0.0])
    assert found["together_last"] == pytest.approx(found["together_cosine"])
    backwards = features_of(state, asked("ann"), "lamp")
    assert backwards["together_cosine"][0] > 0.0


def test_popularity_is_that_of_the_moment_of_the_query() -> None:
    state = state_of([item("lamp"), did("ann", "purchase", "lamp", at_ms=DAYS[0])])
    after_a_week = features_of(state, asked(at_ms=DAYS[7]), "lamp")
    assert after_a_week["popular_week"] == pytest.approx([math.log1p(1.5)])
    assert after_a_week["popular_day"] == pytest.approx([math.log1p(3.0 / 2**7)], rel=1e-5)
    assert after_a_week["approval"] == [3.0]


def test_age_and_meetings() -> None:
    state = state_of(
        [
            item("lamp", at_ms=DAYS[0]),
            item("rug", at_ms=DAYS[2]),
            did("ann", "click", "lamp", at_ms=DAYS[1]),
            did("ann", "dislike", "lamp", at_ms=DAYS[2]),
        ]
    )
    found = features_of(state, asked("ann", at_ms=DAYS[3]), "rug", "lamp")
    assert found["item_age"] == pytest.approx([math.log1p(1.0), math.log1p(3.0)])
    assert found["times_met"] == [0.0, 2.0]
    assert math.isnan(found["since_met"][0])
    assert found["since_met"][1] == pytest.approx(math.log1p(1.0))


def test_the_share_of_categories_in_what_was_liked() -> None:
    state = state_of(
        [
            item("lamp", category="Desk"),
            item("pen", category=("Desk", "Paper")),
            item("rug", category=("Floor", "Paper")),
            item("secret"),
            did("ann", "click", "lamp"),
            did("ann", "click", "pen"),
            did("ann", "click", "secret"),
        ]
    )
    found = features_of(state, asked("ann"), "lamp", "rug", "secret")
    assert found["category_mean"][:2] == pytest.approx([1.0, 0.25])
    assert found["category_best"][:2] == pytest.approx([1.0, 0.5])
    assert math.isnan(found["category_mean"][2])


def test_prices_beside_the_usual_one() -> None:
    state = state_of(
        [
            item("lamp", price=10.0),
            item("rug", price=40.0),
            item("pen", price=5.0),
            item("gift"),
            did("ann", "click", "lamp"),
            did("ann", "click", "rug"),
            did("ann", "click", "gift"),
        ]
    )
    found = features_of(state, asked("ann"), "pen", "gift")
    assert found["price"][0] == pytest.approx(math.log(5.0))
    assert found["price_gap"][0] == pytest.approx(math.log(4.0))
    assert math.isnan(found["price"][1])
    assert math.isnan(found["price_gap"][1])


def test_the_page_is_context() -> None:
    state = state_of(
        [
            item("lamp", title="lamp", category="Desk"),
            item("bulb", title="lamp bulb", category="Light"),
            did("bob", "click", "lamp", at_ms=DAYS[0]),
            did("bob", "click", "bulb", at_ms=DAYS[1]),
            user("ann", category=("Light", "Nowhere")),
        ]
    )
    vectors = state.catalogue.vectors[np.arange(len(state.catalogue))]
    on_page = features_of(state, asked(item="lamp", category="Desk"), "lamp", "bulb")
    assert on_page["context_category"] == [1.0, 0.0]
    assert on_page["context_item"][1] == pytest.approx(float(vectors[0] @ vectors[1]), abs=1e-5)
    assert on_page["context_together"] == [0.0, 1.0]
    assert features_of(state, asked("ann"), "lamp", "bulb")["context_category"] == [0.0, 1.0]
    assert features_of(state, asked("bob"), "lamp")["history_length"] == pytest.approx(
        [math.log(3.0)]
    )
    assert math.isnan(features_of(state, asked(item="nowhere"), "lamp")["context_item"][0])


def test_the_position_is_that_of_the_ranking_shown() -> None:
    state = state_of([item("lamp"), item("rug"), item("pen")])
    query = asked(shown=("pen", "gone", "lamp"))
    found = features_of(state, query, "lamp", "rug", "pen")
    assert found["position"] == pytest.approx([math.log1p(2), math.log1p(3), 0.0])
    assert features_of(state, asked(), "lamp", "rug")["position"] == [0.0, 0.0]


def test_what_goes_on_from_the_last_ones() -> None:
    state = state_of(
        [
            item("lamp", title="desk lamp"),
            item("bulb", title="lamp bulb"),
            item("rug", title="wool rug"),
            item("secret"),
            did("bob", "click", "lamp", at_ms=DAYS[0]),
            did("bob", "click", "bulb", at_ms=DAYS[1]),
            did("ann", "click", "rug", at_ms=DAYS[0]),
            did("ann", "click", "lamp", at_ms=DAYS[1]),
        ]
    )
    found = features_of(state, asked("ann"), "bulb", "rug", "lamp", "secret")
    # Of two clicks on the lamp one went on to the bulb, and one came from the rug.
    assert found["sequence_next"][:2] == pytest.approx([1 / 4, 0.5 / 4])
    vectors = state.catalogue.vectors[np.arange(len(state.catalogue))]
    to_rug, to_lamp = (math.exp(5 * (float(vectors[1] @ vectors[n]) - 1)) for n in (2, 0))
    assert found["sequence_text"][0] == pytest.approx(0.7 * to_rug + to_lamp, rel=1e-4)
    assert math.isnan(found["sequence_text"][3])
    stranger = features_of(state, asked("nobody"), "bulb")
    assert stranger["sequence_next"] == [0.0]
    assert math.isnan(stranger["sequence_text"][0])
