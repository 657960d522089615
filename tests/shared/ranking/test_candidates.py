"""What is proposed by each source, and what filters leave."""

from dataclasses import replace

import numpy as np
import pytest

from shared.ranking.candidates import CandidateSettings, candidates
from shared.ranking.events import Event
from shared.ranking.filters import Filters
from shared.ranking.query import Query
from shared.ranking.state import RankingState
from shared.ranking.vectors.item_index import ItemIndex
from tests.shared.ranking.made import DAY_MS, START_MS, asked, did, item, state_of

NOTHING = CandidateSettings(taste=0, last=0, together=0, popular=0, new=0, at_least=0)
EVERYTHING = Filters(exclude_seen=False, only_available=False)


def shop() -> list[Event]:
    """Lamps and rugs of long ago; ann looked at a lamp, bob at a lamp and a pen."""
    return [
        *(item(f"lamp{n}", title=f"desk lamp {n}", category="Desk") for n in range(4)),
        *(item(f"rug{n}", title=f"wool rug {n}", category="Floor") for n in range(4)),
        item("pen", category="Desk"),
        item("gone", title="desk lamp gone", category="Desk", available=False),
        did("ann", "click", "lamp0"),
        did("bob", "click", "lamp0"),
        did("bob", "click", "pen", at_ms=START_MS + 1),
    ]


def found(
    query: Query,
    settings: CandidateSettings,
    filters: Filters = EVERYTHING,
    events: list[Event] | None = None,
) -> set[str]:
    state = state_of(shop() if events is None else events)
    rows = candidates(query, state, index_of(state), filters, settings)
    assert rows.tolist() == sorted(set(rows.tolist()))
    return {state.catalogue.ids[row] for row in rows}


def index_of(state: RankingState) -> ItemIndex:
    rows = np.flatnonzero(state.catalogue.has_vector)
    return ItemIndex(rows, state.catalogue.vectors[rows])


def chosen(**counts: int) -> CandidateSettings:
    return NOTHING.model_copy(update=counts)


def test_what_reads_like_what_was_liked() -> None:
    lamps = {"lamp0", "lamp1", "lamp2", "lamp3", "gone"}
    assert found(asked("ann"), chosen(taste=5)) == lamps
    assert found(asked("ann"), chosen(last=5)) == lamps
    assert found(asked("nobody"), chosen(taste=5, last=5)) == set()


def test_what_went_together() -> None:
    assert found(asked("ann"), chosen(together=5)) == {"pen"}
    assert found(asked("nobody"), chosen(together=5)) == set()


def test_what_is_popular() -> None:
    assert found(asked(), chosen(popular=1)) == {"lamp0"}
    assert found(asked(), chosen(popular=5)) == {"lamp0", "pen"}


def test_what_is_new_and_near() -> None:
    later = asked("ann", at_ms=START_MS + 100 * DAY_MS)
    fresh: list[Event] = [
        item("rug9", title="wool rug", at_ms=START_MS + 95 * DAY_MS),
        item("lamp9", title="desk lamp", at_ms=START_MS + 90 * DAY_MS),
    ]
    assert found(later, chosen(new=5)) == set()
    assert found(later, chosen(new=5), events=shop() + fresh) == {"rug9", "lamp9"}
    assert found(later, chosen(new=1), events=shop() + fresh) == {"lamp9"}
    stranger = replace(later, user="nobody")
    assert found(stranger, chosen(new=1), events=shop() + fresh) == {"rug9"}


def test_few_are_filled_up() -> None:
    assert len(found(asked(), chosen(at_least=4))) == 4
    assert found(asked(), chosen(popular=1, at_least=2)) == {"lamp0", "gone"}
    assert found(asked("bob"), chosen(at_least=1), Filters(only_available=False)) == {"gone"}
    assert found(asked("bob"), chosen(at_least=2), Filters()) == {"rug2", "rug3"}
    assert found(asked(), chosen(at_least=50)) == set(state_of(shop()).catalogue.ids)


@pytest.mark.parametrize(
    "settings",
    [
        chosen(taste=2),
        chosen(last=2),
        chosen(together=2),
        chosen(popular=2),
        chosen(new=2),
        chosen(at_least=2),
        CandidateSettings(),
    ],
)
def test_filters_hold_for_every_source(settings: CandidateSettings) -> None:
    ann = asked("ann")
    unseen = found(ann, settings, Filters(only_available=False))
    assert "lamp0" not in unseen
    there = found(ann, settings, Filters(exclude_seen=False))
    assert "gone" not in there
    floor = found(ann, settings, Filters(category="Floor", exclude_seen=False))
    assert floor <= {"rug0", "rug1", "rug2", "rug3"}
    assert found(ann, settings, Filters(category="Nowhere")) == set()
    assert found(ann, settings, Filters(), events=[]) == set()


def test_filters_come_before_the_cut() -> None:
    assert len(found(asked("ann"), chosen(taste=3), Filters())) == 3
    assert len(found(asked("ann"), chosen(taste=3), Filters(only_available=False))) == 3
    in_floor = Filters(category="Floor")
    assert len(found(asked("ann"), chosen(taste=4), in_floor)) == 4
    assert len(found(asked("ann"), chosen(popular=4), in_floor)) == 4


def test_without_an_index_other_sources_propose() -> None:
    state = state_of(shop())
    rows = candidates(asked("ann"), state, None, Filters(), chosen(taste=5, together=5))
    assert [state.catalogue.ids[row] for row in rows] == ["pen"]
