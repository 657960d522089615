"""The same events give the same features, in whatever order they come."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ranking.events import Event, InteractionEvent, ItemEvent, RankingEvent, UserEvent
from shared.ranking.features.table import feature_matrix
from shared.ranking.query import Query, query_of
from shared.ranking.settings import StateSettings
from shared.ranking.state import RankingState
from tests.shared.ranking.made import START_MS, WIDTH, asked, did, item, state_of, vector

ITEMS = ("lamp", "rug", "pen", "bulb")
TIMES_MS = st.integers(0, 20).map(lambda hours: START_MS + hours * 3_600_000)
NAMES = st.sampled_from(("ann", "bob"))

ITEM_EVENTS = st.builds(
    ItemEvent,
    id=st.just(""),
    timestamp_ms=TIMES_MS,
    item=st.sampled_from(ITEMS),
    fields=st.fixed_dictionaries(
        {},
        optional={
            "category": st.sampled_from(("Desk", "Floor", ("Desk", "Light"))),
            "price": st.sampled_from((1.0, 20.0)),
        },
    ),
)
USER_EVENTS = st.builds(
    UserEvent,
    id=st.just(""),
    timestamp_ms=TIMES_MS,
    user=NAMES,
    fields=st.fixed_dictionaries({"category": st.sampled_from(("Desk", "Floor"))}),
)
INTERACTIONS = st.builds(
    InteractionEvent,
    id=st.just(""),
    timestamp_ms=TIMES_MS,
    type=st.sampled_from(("click", "purchase", "dislike")),
    user=st.none() | NAMES,
    session=st.none() | st.sampled_from(("s1", "s2")),
    item=st.sampled_from(ITEMS),
)
EVENTS = st.lists(ITEM_EVENTS | USER_EVENTS | INTERACTIONS | INTERACTIONS, max_size=25).map(
    lambda events: [replace(event, id=f"e{number}") for number, event in enumerate(events)]
)


@settings(deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(events: list[Event], random: object) -> None:
    shuffled = events.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    states = []
    for order in (events, shuffled):
        state = RankingState(WIDTH, StateSettings(pair_distance=2, pair_window_s=40_000.0))
        for event in order:
            state.apply(event)
        state.set_vectors(ITEMS, np.stack([vector(name) for name in ITEMS]))
        states.append(state)
    for query in (asked("ann"), asked("bob", session="s1"), asked(session="s2", item="lamp")):
        one, other = (
            feature_matrix(query, state.catalogue.rows_of(ITEMS), state) for state in states
        )
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_session_becomes_a_user() -> None:
    state = state_of(
        [
            did(None, "click", "lamp", session="s", at_ms=START_MS),
            did("ann", "click", "rug", session="s", at_ms=START_MS + 1),
            did("ann", "click", "pen", at_ms=START_MS + 2),
        ]
    )
    names = state.catalogue.ids
    for query, expected in (
        (asked("ann", session="s"), ["lamp", "rug", "pen"]),
        (asked("ann"), ["rug", "pen"]),
        (asked(session="s"), ["lamp", "rug"]),
        (asked("ann", session="other"), ["rug", "pen"]),
        (asked(), []),
    ):
        assert [names[row] for row in state.behaviour.past(query).rows] == expected


def test_a_pair_within_a_session_counts_more() -> None:
    visits = [("lamp", "s"), ("rug", "s"), ("pen", "later")]
    state = state_of(
        [
            did("ann", "click", name, session=session, at_ms=START_MS + number)
            for number, (name, session) in enumerate(visits)
        ]
    )
    pairs = state.behaviour.cooccurrence
    assert pairs.support.tolist() == [2.0, 2.0, 2.0]
    assert pairs.after([0], [1.0])[0].tolist() == [1, 2]
    assert pairs.after([0], [1.0])[1].tolist() == [2.0, 1.0]


def test_an_interaction_makes_its_item_known() -> None:
    state = state_of([did("ann", "click", "secret")])
    assert state.catalogue.ids == ["secret"]
    assert not state.catalogue.has_vector[0]
    assert state.catalogue.first_seen_s[0] == START_MS / 1000


def test_an_interaction_of_nobody_counts_for_its_item_alone() -> None:
    state = state_of([item("lamp"), did(None, "click", "lamp")])
    assert state.behaviour.popularity.leaders().tolist() == [0]
    assert not len(state.behaviour.past(asked()))


def test_types_without_end_are_remembered_as_one() -> None:
    state = state_of(did("ann", f"wave{n}", "lamp", at_ms=START_MS + n) for n in range(1_005))
    past = state.behaviour.past(asked("ann"))
    types = [state.behaviour.type_names[code] for code in past.types[-6:]]
    assert types == ["wave999", "", "", "", "", ""]


def test_a_ranking_changes_nothing() -> None:
    state = state_of([item("lamp")])
    ranking = RankingEvent("r", START_MS, "ann", "s", ("lamp", "unknown"), {"item": "lamp"})
    state.apply(ranking)
    assert state.catalogue.ids == ["lamp"]
    expected = Query("ann", "s", START_MS / 1000, {"item": "lamp"}, ("lamp", "unknown"))
    assert query_of(ranking) == expected


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_newest_event_of_a_user_s_field_holds(newest_first: bool) -> None:
    events = [
        UserEvent("a", START_MS, "ann", {"category": "Old", "age": 33.0}),
        UserEvent("b", START_MS + 1, "ann", {"category": "New"}),
        UserEvent("c", START_MS + 2, "ann", {"age": None}),
    ]
    state = state_of(reversed(events) if newest_first else events)
    assert state.behaviour.user_fields("ann") == {"category": "New"}
    assert state.behaviour.user_fields("nobody") == {}
    assert state.behaviour.user_fields(None) == {}
