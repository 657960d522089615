"""Rankings as they are given out."""

import math

import numpy as np
import pytest

from shared.errors import NotFoundError
from shared.ranking.candidates import CandidateSettings
from shared.ranking.diversity import DiversitySettings
from shared.ranking.events import Event, item_text
from shared.ranking.filters import Filters
from shared.ranking.rankers.blend import LinearBlend
from shared.ranking.recommender import Ranked, Recommender, RecommenderSettings
from shared.ranking.settings import StateSettings
from shared.ranking.state import RankingState
from tests.shared.ranking.made import START_MS, WIDTH, asked, did, item, vector

SCORE_ALONE = DiversitySettings(trade_off=1.0)
BLEND = LinearBlend({"text_taste": 1.0, "popular_week": 0.5, "category_mean": 0.2})
LAMPS, RUGS = [f"lamp{n}" for n in range(5)], [f"rug{n}" for n in range(5)]


def recommender_of(events: list[Event], diversity: DiversitySettings = SCORE_ALONE) -> Recommender:
    state = RankingState(WIDTH, StateSettings())
    settings = RecommenderSettings(candidates=CandidateSettings(), diversity=diversity)
    recommender = Recommender(state, None, BLEND, settings)
    take(recommender, *events)
    return recommender


def take(recommender: Recommender, *events: Event) -> None:
    for event in events:
        recommender.state.apply(event)
        if text := item_text(getattr(event, "fields", {})):
            name = event.item  # type: ignore[union-attr]
            recommender.set_vectors([name], vector(text)[np.newaxis])


def shop() -> list[Event]:
    """Lamps and rugs, of which the first rug is popular."""
    return [
        *(item(name, title=f"desk lamp {name}", category="Desk") for name in LAMPS),
        *(item(name, title=f"wool rug {name}", category="Floor") for name in RUGS),
        did("bob", "purchase", "rug0"),
    ]


def names(ranked: list[Ranked]) -> list[str]:
    return [one.item for one in ranked]


def test_a_stranger_gets_what_is_popular_and_after_one_click_what_is_near() -> None:
    recommender = recommender_of(shop())
    cold = recommender.rank(asked(session="s"), None, 3, Filters())
    assert names(cold)[0] == "rug0"
    take(recommender, did(None, "click", "lamp2", session="s"))
    warm = recommender.rank(asked(session="s"), None, 4, Filters())
    assert set(names(warm)) == set(LAMPS) - {"lamp2"}


def test_the_blend_that_serves_first_turns_to_the_click_too() -> None:
    recommender = recommender_of(shop())
    recommender.scorer = LinearBlend()
    assert names(recommender.rank(asked(session="s"), None, 1, Filters())) == ["rug0"]
    take(recommender, did(None, "click", "lamp2", session="s"))
    warm = names(recommender.rank(asked(session="s"), None, 4, Filters()))
    assert len(set(warm) & set(LAMPS)) >= 3


def test_a_new_item_is_found_by_its_text_at_once() -> None:
    recommender = recommender_of([*shop(), did("ann", "click", "lamp0")])
    take(recommender, item("novelty", title="desk lamp", category="Desk", at_ms=START_MS + 5))
    assert "novelty" in names(recommender.rank(asked("ann"), None, 3, Filters()))


def test_given_items_come_back_once_and_unknown_ones_last() -> None:
    recommender = recommender_of([*shop(), did("ann", "click", "lamp0")])
    given = ["what", "rug1", "lamp1", "rug1", "lamp0", "who"]
    ranked = recommender.rank(asked("ann"), given, None, Filters())
    assert sorted(names(ranked)) == sorted(set(given))
    assert names(ranked)[3:] == ["what", "who"]
    scores = [one.score for one in ranked]
    assert scores == sorted(scores, reverse=True)
    assert scores[2] == scores[3] == scores[4]
    assert names(recommender.rank(asked("ann"), given, 2, Filters())) == names(ranked)[:2]


@pytest.mark.parametrize("items", [None, [], ["unknown"]])
def test_an_empty_shop_answers(items: list[str] | None) -> None:
    recommender = recommender_of([])
    ranked = recommender.rank(asked("ann"), items, 10, Filters(), explain=True)
    assert ranked == [Ranked(item, 0.0) for item in items or []]
    assert recommender.popular(5, None, START_MS / 1000) == []
    assert recommender.popular(5, "Desk", START_MS / 1000) == []


def test_filters_that_leave_nothing_leave_nothing() -> None:
    recommender = recommender_of(shop())
    assert recommender.rank(asked("ann"), None, 10, Filters("Nowhere"), explain=True) == []


def test_variety_and_the_cap() -> None:
    events = [*shop(), did("ann", "click", "lamp0"), did("ann", "click", "lamp1")]
    alone = names(recommender_of(events).rank(asked("ann"), None, 3, Filters()))
    assert set(alone) == {"lamp2", "lamp3", "lamp4"}
    varied = recommender_of(events, DiversitySettings(trade_off=0.3))
    assert set(names(varied.rank(asked("ann"), None, 3, Filters()))) & set(RUGS)
    capped = recommender_of(events, DiversitySettings(trade_off=1.0, max_per_category=2))
    ranked = names(capped.rank(asked("ann"), None, 4, Filters()))
    assert len(set(ranked) & set(LAMPS)) == 2
    assert len(set(ranked) & set(RUGS)) == 2
    in_one = capped.rank(asked("ann"), None, 4, Filters("Floor"))
    assert len(in_one) == 4


def test_an_explanation_has_each_feature_by_its_name() -> None:
    recommender = recommender_of([*shop(), did("ann", "click", "lamp0")])
    (best,) = recommender.rank(asked("ann"), None, 1, Filters(), explain=True)
    assert best.features["price"] is None
    assert best.features["category_mean"] == 1.0
    assert all(value is None or math.isfinite(value) for value in best.features.values())
    assert recommender.rank(asked("ann"), None, 1, Filters())[0].features == {}


def test_what_is_similar_by_text_or_by_behaviour() -> None:
    events = [
        *shop(),
        did("ann", "click", "lamp0"),
        did("ann", "click", "secret", at_ms=START_MS + 1),
        item("gone", title="desk lamp lamp0", available=False),
    ]
    recommender = recommender_of(events)
    similar = names(recommender.similar("lamp0", 5, 0.0))
    assert set(similar) == {"secret", *LAMPS} - {"lamp0"}
    assert names(recommender.similar("secret", 5, 0.0)) == ["lamp0"]
    assert recommender.similar("rug1", 1, 0.0)[0].item in RUGS
    with pytest.raises(NotFoundError, match="'nothing'"):
        recommender.similar("nothing", 5, 0.0)


def test_what_is_popular() -> None:
    recommender = recommender_of([*shop(), did("eve", "click", "lamp3")])
    now_s = START_MS / 1000
    popular = recommender.popular(5, None, now_s)
    assert names(popular) == ["rug0", "lamp3"]
    assert [one.score for one in popular] == pytest.approx([3.0, 1.0])
    assert names(recommender.popular(5, "Desk", now_s)) == ["lamp3"]
    centuries_later_s = now_s + 1e10
    assert names(recommender.popular(5, None, centuries_later_s)) == ["rug0", "lamp3"]
