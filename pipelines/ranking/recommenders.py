"""The platform's own ranking, offline: the same state, candidates, features and scorers as served.

Its statistics end at the cut, like those of every baseline: of what came later only the history
of the user who asks is known.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipelines.ranking.datasets import RankingData
from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.candidates import CandidateSettings, candidates
from shared.ranking.diversity import DiversitySettings, diverse
from shared.ranking.events import interaction_weight
from shared.ranking.features.table import feature_matrix
from shared.ranking.filters import Filters
from shared.ranking.query import Query
from shared.ranking.rankers.scorer import Scorer
from shared.ranking.settings import StateSettings
from shared.ranking.state import RankingState
from shared.ranking.vectors.item_index import ItemIndex

BY_SCORE = DiversitySettings(trade_off=1.0)
"""Lists in the order of their scores."""


def state_at_the_cut(data: RankingData, vectors: Float32s) -> RankingState:
    """The state that has seen the catalogue with its vectors [n, d] and the events up to the cut.

    An item's row in the state is its place in `data.items`.
    """
    state = RankingState(vectors.shape[1], StateSettings())
    for item in data.items:
        state.apply(item)
    described = np.flatnonzero(vectors.any(axis=1))
    state.set_vectors([data.items[row].item for row in described.tolist()], vectors[described])
    for event in data.events:
        state.apply(event)
    return state


class Asked:
    """Held-out queries put to a state; each by somebody new who has that query's history."""

    def __init__(self, data: RankingData, state: RankingState) -> None:
        self._data = data
        self.state = state
        rows = np.flatnonzero(state.catalogue.has_vector)
        self.index = ItemIndex(rows, state.catalogue.vectors[rows])

    def query(self, number: int) -> Query:
        """A held-out query as the service gets it; its history is known from now on."""
        held_out, behaviour = self._data.queries[number], self.state.behaviour
        asker = f"asker of query {number}"
        query = Query(asker, None, held_out.time_s)
        if len(behaviour.past(query)):
            return query
        weights = self.state.settings.interaction_weights
        for event in held_out.history[-self.state.settings.history_length :]:
            row = self.state.catalogue.row_of(event.item)
            if row is not None:
                weight = interaction_weight(event.type, event.fields, weights)
                behaviour.remember(replace(event, user=asker), row, weight)
        return query

    def candidates(self, number: int) -> tuple[Query, Int64s]:
        """The query and what is worth ranking for it, without what was seen where that is usual."""
        query = self.query(number)
        filters = Filters(exclude_seen=self._data.exclude_seen)
        rows = candidates(query, self.state, self.index, filters, CandidateSettings())
        return query, self.unseen(number, rows)

    def unseen(self, number: int, rows: Int64s) -> Int64s:
        """Some rows without what was seen, where that is usual; longer ago than histories tell."""
        if not self._data.exclude_seen:
            return rows
        seen = self.state.catalogue.rows_of(e.item for e in self._data.queries[number].history)
        return np.setdiff1d(rows, seen)


def rank(
    asked: Asked,
    queries: Sequence[int],
    scorer: Scorer,
    count: int,
    *,
    among: Int64s | None = None,
    diversity: DiversitySettings = BY_SCORE,
) -> Int64s:
    """The best rows for each of q queries [q, count], the best first, then -1.

    By default they are found as in the service, by candidates from the whole catalogue, and stand
    in the order of their scores. `among` scores these rows instead.
    """
    lists = np.full((len(queries), count), -1, np.int64)
    for place, number in enumerate(queries):
        if among is None:
            query, rows = asked.candidates(number)
        else:
            query, rows = asked.query(number), asked.unseen(number, among)
        scores = scorer.score(feature_matrix(query, rows, asked.state))
        best = rows[diverse(scores, rows, asked.state.catalogue.vectors, diversity, count)]
        lists[place, : len(best)] = best
    return lists
