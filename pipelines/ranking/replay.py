"""Queries to learn from and to judge by, found by replaying the stored events.

The events are applied in the order of time to an empty state, as the service applied them. Before a
query is applied its features are computed by the functions that serve; so a feature cannot know
what came later. A query is a ranking that was shown and answered by interactions, or an
interaction of which no ranking is known.

    early   drawn from all after the first `warm_up` share: learned from
    later   those of them that stop the learning
    last    after both of these, and never seen in training: judged by

What is judged is the list of candidates of that moment, found as the service finds it, and never
the few items that were shown. What was chosen and is not a candidate counts as missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.ranking.train_settings import FEWEST_QUESTIONS, TrainSettings
from shared.errors import InputError
from shared.ranking.arrays import Bools, Float32s, Int64s
from shared.ranking.candidates import candidates
from shared.ranking.events import (
    Event,
    InteractionEvent,
    InteractionWeights,
    ItemEvent,
    RankingEvent,
    interaction_weight,
)
from shared.ranking.features.table import feature_matrix
from shared.ranking.filters import Filters
from shared.ranking.query import Query, query_of
from shared.ranking.recommender import RecommenderSettings
from shared.ranking.settings import StateSettings
from shared.ranking.state import RankingState
from shared.ranking.vectors.item_index import ItemIndex


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """`features` [n, f] and `labels` [n] (0 is not chosen, up to 3) of n items in one list.

    `relevant` is how many items were chosen, in the list or not.
    """

    features: Float32s
    labels: Int64s
    relevant: int

    @property
    def chosen(self) -> Bools:
        """Which items were chosen [n]."""
        return self.labels > 0

    @property
    def teaches(self) -> bool:
        """Whether there is something to prefer over something else."""
        return bool(self.chosen.any()) and not bool(self.chosen.all())


@dataclass(frozen=True, slots=True)
class ReplayedQueries:
    """The queries of a tenant's events, each part in the order of time."""

    early: tuple[LabelledQuery, ...]
    later: tuple[LabelledQuery, ...]
    last: tuple[LabelledQuery, ...]


def replay(
    events: Sequence[Event],
    items: Sequence[str],
    vectors: Float32s,
    settings: TrainSettings,
    state_settings: StateSettings | None = None,
    recommender: RecommenderSettings | None = None,
) -> ReplayedQueries:
    """The queries of events in any order, with unit vectors [n, d] of n items.

    Raises:
        InputError: there are too few queries to learn from, or to judge by.
    """
    weights = (state_settings or StateSettings()).interaction_weights
    ordered = sorted(events, key=lambda event: (event.timestamp_ms, event.id))
    labels = _labels(ordered, weights)
    behaviour = [e for e in ordered if not isinstance(e, ItemEvent)]
    ids_learned, ids_last = _draw(behaviour, labels, settings)
    replayed = _Replay(_new_state(ordered, items, vectors, state_settings), settings, recommender)
    learned: list[LabelledQuery] = []
    last: list[LabelledQuery] = []
    for event in behaviour:
        if isinstance(event, RankingEvent | InteractionEvent):
            if event.id in ids_learned:
                learned.append(replayed.learned(event, labels[event.id]))
            elif event.id in ids_last:
                last.append(replayed.judged(event, labels[event.id]))
        replayed.state.apply(event)
    learned = [query for query in learned if query.teaches]
    for found, purpose in ((learned, "learn from"), (last, "judge by")):
        if len(found) < FEWEST_QUESTIONS:
            raise InputError(
                f"{len(found)} queries to {purpose}, at least {FEWEST_QUESTIONS} are needed: "
                "send more positive interactions"
            )
    later = max(int(len(learned) * settings.validation), 1)
    return ReplayedQueries(tuple(learned[:-later]), tuple(learned[-later:]), tuple(last))


class _Replay:
    """Asks a state that goes through the events."""

    def __init__(
        self,
        state: RankingState,
        settings: TrainSettings,
        recommender: RecommenderSettings | None,
    ) -> None:
        self.state = state
        self._candidates = (recommender or RecommenderSettings()).candidates
        # Whether an item can be had is known of today alone.
        self._filters = Filters(exclude_seen=settings.exclude_seen, only_available=False)
        rows = np.flatnonzero(state.catalogue.has_vector)
        self._index = ItemIndex(rows, state.catalogue.vectors[rows])

    def learned(
        self, event: RankingEvent | InteractionEvent, chosen: dict[str, int]
    ) -> LabelledQuery:
        """What was shown, where that is known, else what could have been."""
        if not isinstance(event, RankingEvent):
            return self.judged(event, chosen)
        rows = self.state.catalogue.rows_of(dict.fromkeys(event.items))
        return self._labelled(query_of(event), rows, chosen)

    def judged(
        self, event: RankingEvent | InteractionEvent, chosen: dict[str, int]
    ) -> LabelledQuery:
        """All that the service would have ranked at this moment."""
        fields = event.fields if isinstance(event, RankingEvent) else {}
        query = Query(event.user, event.session, event.timestamp_ms / 1000.0, fields)
        rows = candidates(query, self.state, self._index, self._filters, self._candidates)
        return self._labelled(query, rows, chosen)

    def _labelled(self, query: Query, rows: Int64s, chosen: dict[str, int]) -> LabelledQuery:
        # What was chosen and is not in the list stays out: added, its weakness would give it away.
        rows_of = self.state.catalogue.rows_of
        label_of = {int(row): chosen[item] for item in chosen for row in rows_of((item,))}
        labels = np.array([label_of.get(row, 0) for row in rows.tolist()], np.int64)
        return LabelledQuery(feature_matrix(query, rows, self.state), labels, len(chosen))


def _new_state(
    ordered: Sequence[Event],
    items: Sequence[str],
    vectors: Float32s,
    settings: StateSettings | None,
) -> RankingState:
    # An item's description is not behaviour: catalogue and vectors are known from the start.
    state = RankingState(vectors.shape[1], settings or StateSettings())
    for event in ordered:
        if isinstance(event, ItemEvent):
            state.apply(event)
    state.set_vectors(items, vectors)
    return state


def _labels(ordered: Sequence[Event], weights: InteractionWeights) -> dict[str, dict[str, int]]:
    """What was chosen in answer to each event that is a query: a label for each item."""
    shown = {event.id for event in ordered if isinstance(event, RankingEvent)}
    labels: dict[str, dict[str, int]] = {}
    for event in ordered:
        if not isinstance(event, InteractionEvent):
            continue
        weight = interaction_weight(event.type, event.fields, weights)
        if weight <= 0.0 or (event.user is None and event.session is None):
            continue
        query = event.ranking if event.ranking in shown and event.ranking else event.id
        chosen = labels.setdefault(query, {})
        chosen[event.item] = max(chosen.get(event.item, 0), min(int(np.ceil(weight)), 3))
    return labels


def _draw(
    behaviour: Sequence[Event], labels: dict[str, dict[str, int]], settings: TrainSettings
) -> tuple[frozenset[str], frozenset[str]]:
    """The ids of the events that are queries: those learned from, and the last ones."""
    late = [event.id for event in behaviour[int(len(behaviour) * settings.warm_up) :]]
    asked = [event_id for event_id in late if event_id in labels]
    cut = int(len(asked) * (1.0 - settings.held_out))
    generator = np.random.default_rng(settings.seed)

    def some(ids: list[str], count: int) -> frozenset[str]:
        if len(ids) <= count:
            return frozenset(ids)
        return frozenset(generator.choice(ids, count, replace=False).tolist())

    return some(asked[:cut], settings.questions), some(asked[cut:], settings.judged)
