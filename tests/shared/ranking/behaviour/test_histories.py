"""Histories: bounded by number, those of sessions also by time."""

import numpy as np
import pytest

from shared.ranking.behaviour.histories import Histories
from shared.ranking.events import Event, UserEvent
from shared.ranking.filters import Allowed, Filters
from shared.ranking.query import Query
from shared.ranking.settings import StateSettings
from shared.ranking.state import RankingState
from tests.shared.ranking.made import DAY_MS, START_MS, WIDTH, did, item


def opened(histories: Histories, *times: tuple[str, int]) -> None:
    for name, time_ms in times:
        histories.open(name, time_ms).insert(time_ms, time_ms, 0, 1.0, 0, 200)


def known(histories: Histories, *names: str) -> str:
    return "".join(name for name in names if histories.get(name) is not None)


def test_the_sessions_that_were_heard_of_last_stay() -> None:
    sessions = Histories(2, 1e9)
    opened(sessions, ("a", 1), ("b", 2), ("a", 3), ("c", 4))
    assert (known(sessions, "a", "b", "c"), len(sessions)) == ("ac", 2)


def test_a_session_is_forgotten_when_it_has_long_been_over() -> None:
    sessions = Histories(100, 10.0)
    opened(sessions, ("a", 0), ("b", 5_000), ("c", 10_000))
    assert known(sessions, "a", "b", "c") == "abc"
    opened(sessions, ("d", 12_000))
    assert known(sessions, "a", "b", "c", "d") == "bcd"
    # An event that comes late keeps its session until another one is heard of.
    opened(sessions, ("e", 1_000))
    assert known(sessions, "b", "c", "d", "e") == "bcde"


def test_the_only_session_goes_on_after_a_long_time() -> None:
    sessions = Histories(100, 10.0)
    opened(sessions, ("a", 0), ("a", 50_000))
    assert known(sessions, "a") == "a"
    assert len(sessions.open("a", 50_001)) == 2


def test_what_a_forgotten_session_did_still_counts_for_its_user() -> None:
    state = RankingState(WIDTH, StateSettings(session_kept_s=3600.0))
    events: list[Event] = [
        item("lamp"),
        did("ann", "click", "lamp", session="s1"),
        did("bob", "click", "lamp", session="s2", at_ms=START_MS + DAY_MS),
    ]
    for event in events:
        state.apply(event)
    assert len(state.behaviour.past(Query(None, "s1", 0.0))) == 0
    assert len(state.behaviour.past(Query("ann", "s1", 0.0))) == 1


def test_a_user_who_is_forgotten_comes_back_as_a_new_one() -> None:
    state = RankingState(WIDTH, StateSettings(users_kept=2))
    users = [
        UserEvent(f"u-{name}", START_MS, name, {"category": name}) for name in ("ann", "bob", "cy")
    ]
    events: list[Event] = [
        item("lamp"),
        did("ann", "click", "lamp", at_ms=START_MS),
        did("bob", "click", "lamp", at_ms=START_MS + 1),
        did("ann", "click", "lamp", at_ms=START_MS + 2),
        did("cy", "click", "lamp", at_ms=START_MS + 3),
        *users,
    ]
    for event in events:
        state.apply(event)
    behaviour = state.behaviour
    kept = [len(behaviour.past(Query(name, None, 0.0))) for name in ("ann", "bob", "cy")]
    assert kept == [2, 0, 1]
    assert [len(behaviour.user_fields(name)) for name in ("ann", "bob", "cy")] == [0, 1, 1]
    assert behaviour.popularity.at(START_MS / 1000, np.array([0]))[0, 0] == pytest.approx(4, 1e-3)
    state.apply(did("bob", "click", "lamp", at_ms=START_MS + 4))
    assert len(behaviour.past(Query("bob", None, 0.0))) == 1


def test_what_was_seen_is_left_out_however_long_ago() -> None:
    state = RankingState(WIDTH, StateSettings(history_length=3))
    for number in range(1_500):
        state.apply(did("ann", "click", f"i{number}", at_ms=START_MS + number))
    state.apply(did("ann", "click", "old", at_ms=START_MS - 1))
    state.apply(item("new"))
    query = Query("ann", None, START_MS / 1000.0)
    allowed = Allowed(query, state, Filters())
    assert [state.catalogue.ids[row] for row in allowed.last(5)] == ["new"]
    assert len(allowed.seen) == 1_501
    assert len(state.behaviour.past(query)) == 3
