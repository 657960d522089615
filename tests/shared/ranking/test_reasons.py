"""Reasons in words, each borne out by what happened."""

import numpy as np

from shared.ranking.events import Event
from shared.ranking.features.table import feature_matrix
from shared.ranking.query import Query
from shared.ranking.reasons import Reason, reasons
from tests.shared.ranking.made import DAY_MS, START_MS, asked, did, item, state_of

MUCH_LATER_MS = START_MS + 100 * DAY_MS


def reasons_for(name: str, query: Query, events: list[Event]) -> tuple[Reason, ...]:
    state = state_of(events)
    rows = state.catalogue.rows_of([name])
    (found,) = reasons(query, rows, feature_matrix(query, rows, state), state)
    return found


def test_because_it_goes_together() -> None:
    events: list[Event] = [
        item("lamp", title="Lamp"),
        item("pen", title="Pen"),
        did("bob", "purchase", "lamp"),
        did("bob", "purchase", "pen", at_ms=START_MS + 1),
        did("ann", "purchase", "lamp"),
    ]
    first, *_ = reasons_for("pen", asked("ann"), events)
    assert first == Reason("because", "because you bought Lamp", "lamp")


def test_similar_to_what_was_liked() -> None:
    events: list[Event] = [
        item("lamp", title="desk lamp"),
        item("other", title="desk lamp small"),
        did("ann", "rating", "lamp", value=5.0),
    ]
    assert reasons_for("other", asked("ann", at_ms=MUCH_LATER_MS), events) == (
        Reason("similar", "similar to desk lamp, which you rated", "lamp"),
    )


def test_an_item_is_no_reason_for_itself_and_a_title_may_be_missing() -> None:
    events: list[Event] = [item("lamp", text="desk lamp"), did("ann", "wave", "lamp")]
    query = asked("ann", at_ms=MUCH_LATER_MS)
    assert reasons_for("lamp", query, events) == ()
    events.append(item("other", text="desk lamp"))
    (reason,) = reasons_for("other", query, events)
    assert reason == Reason("similar", "similar to lamp, which you chose", "lamp")


def test_of_a_category_that_is_liked_or_asked_for() -> None:
    events: list[Event] = [
        item("lamp", category="Desk"),
        item("pen", category=("Paper", "Desk")),
        did("ann", "click", "lamp"),
    ]
    late = MUCH_LATER_MS
    liked = reasons_for("pen", asked("ann", at_ms=late), events)
    assert liked[-1] == Reason("category", "in Desk, a category that you like")
    on_page = reasons_for("pen", asked("ann", category="Paper", at_ms=late), events)
    assert on_page[-1] == Reason("context", "in the category that you look at")


def test_popular_only_while_it_is_and_new_only_while_it_is() -> None:
    events: list[Event] = [item("lamp"), did("bob", "click", "lamp"), did("eve", "click", "lamp")]
    kinds = [
        [reason.text for reason in reasons_for("lamp", asked(at_ms=at_ms), events)]
        for at_ms in (START_MS + DAY_MS, START_MS + 13 * DAY_MS, MUCH_LATER_MS)
    ]
    assert kinds == [["popular this week", "new"], ["new"], []]


def test_nothing_is_no_reason() -> None:
    state = state_of([])
    nothing = np.zeros(0, np.int64)
    assert reasons(asked(), nothing, feature_matrix(asked(), nothing, state), state) == []
