"""Candidates, features, scores, diversity and reasons, one after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from shared.config import Settings
from shared.errors import NotFoundError
from shared.ranking.arrays import Bools, Float32s, Float64s, Int64s
from shared.ranking.candidates import CandidateSettings, candidates
from shared.ranking.diversity import DiversitySettings, diverse
from shared.ranking.features.context import CONTEXT_COLUMNS, context
from shared.ranking.features.table import feature_matrix, feature_names
from shared.ranking.filters import Allowed, Filters
from shared.ranking.query import Query
from shared.ranking.rankers.scorer import Scorer
from shared.ranking.reasons import Reason, reasons
from shared.ranking.state import RankingState
from shared.ranking.vectors.index import VectorSettings
from shared.ranking.vectors.item_index import ItemIndex

_UNFILTERED = Filters()


class RecommenderSettings(Settings):
    """How candidates are found and lists are made."""

    vectors: VectorSettings = VectorSettings()
    candidates: CandidateSettings = CandidateSettings()
    diversity: DiversitySettings = DiversitySettings()


@dataclass(frozen=True, slots=True)
class Ranked:
    """An item with its score, and where it was explained with its title, reasons and features.

    The title is '' where none is known.
    """

    item: str
    score: float
    title: str = ""
    reasons: tuple[Reason, ...] = ()
    features: Mapping[str, float | None] = field(default_factory=dict)


class Recommender:
    """Ranks for one tenant; the caller holds the state's lock.

    `index` may be exchanged for a new one, and `scorer` too, between two calls. Without an index
    nothing is found by its text.
    """

    def __init__(
        self,
        state: RankingState,
        index: ItemIndex | None,
        scorer: Scorer,
        settings: RecommenderSettings,
    ) -> None:
        self.state = state
        self.index = index
        self.scorer = scorer
        self._settings = settings

    def set_vectors(self, items: Sequence[str], vectors: Float32s) -> Int64s:
        """Sets the unit vectors [n, d] of n items, each named once; the next call finds them.

        Returns their rows.
        """
        rows = self.state.set_vectors(items, vectors)
        if self.index is None:
            self.index = ItemIndex(rows, vectors, self._settings.vectors)
        else:
            self.index.put(rows, vectors)
        return rows

    def rank(
        self,
        query: Query,
        items: Sequence[str] | None,
        count: int | None,
        filters: Filters = _UNFILTERED,
        *,
        explain: bool = False,
    ) -> list[Ranked]:
        """The best items first, at most `count`.

        With `items` each of them comes back once, by score alone: first what can be had, then
        unknown items with the least score of these, last what cannot be had, with no higher score.
        Filters and diversity are for what is found without them.
        """
        if items is not None:
            return self._rank_given(query, items, count, explain=explain)
        rows = candidates(query, self.state, self.index, filters, self._settings.candidates)
        features = feature_matrix(query, rows, self.state)
        scores = self.scorer.score(features)
        chosen = self._diverse(rows, scores, count, is_one_category=filters.category is not None)
        explained = features[chosen] if explain else None
        return self._ranked(query, rows[chosen], scores[chosen], explained)

    def similar(
        self, item: str, count: int, time_s: float, *, explain: bool = False
    ) -> list[Ranked]:
        """The items that are nearest to one by text and by what people do together.

        The score is the cosine of the texts plus that of the behaviour. Nothing that cannot be had.

        Raises:
            NotFoundError: no event has named the item.
        """
        row = self.state.catalogue.row_of(item)
        if row is None:
            raise NotFoundError(f"the item {item!r} is not known: send an item event first")
        catalogue, pairs = self.state.catalogue, self.state.behaviour.cooccurrence
        proposed = [pairs.around((row,), (1.0,))[0]]
        if self.index is not None and catalogue.has_vector[row]:
            mask = catalogue.available if catalogue.unavailable_count else None
            found, _ = self.index.search(catalogue.vectors[np.array([row])], count + 1, mask)
            proposed.append(found[found >= 0])
        rows = np.unique(np.concatenate(proposed))
        rows = rows[(rows != row) & catalogue.available[rows]]
        # The item's page is the context, and the features of context say how near others are.
        query = Query(None, None, time_s, {"item": item})
        near = context(query, rows, self.state)
        cosines = np.nan_to_num(near[:, CONTEXT_COLUMNS.index("context_item")])
        together = near[:, CONTEXT_COLUMNS.index("context_together")]
        supports = np.maximum(pairs.support[[row]], 1.0) / np.maximum(pairs.support[rows], 1.0)
        scores = cosines + together * np.sqrt(supports)
        order = np.argsort(-scores, kind="stable")[:count]
        features = feature_matrix(query, rows[order], self.state) if explain else None
        return self._ranked(query, rows[order], scores[order], features)

    def popular(
        self, count: int, category: str | None, time_s: float, *, explain: bool = False
    ) -> list[Ranked]:
        """The items that are most popular at a time, with their decayed counts as scores."""
        filters = Filters(category, exclude_seen=False)
        query = Query(None, None, time_s)
        allowed = Allowed(query, self.state, filters)
        popularity = self.state.behaviour.popularity
        rows = popularity.leaders() if allowed.in_category is None else allowed.in_category
        rows = allowed.among(rows)
        rows = rows[popularity.is_counted(rows)]
        rows = rows[popularity.order(rows)][:count]
        scores = popularity.at(time_s, rows)[:, 0]
        features = feature_matrix(query, rows, self.state) if explain else None
        return self._ranked(query, rows, scores, features)

    def _rank_given(
        self, query: Query, items: Sequence[str], count: int | None, *, explain: bool
    ) -> list[Ranked]:
        catalogue = self.state.catalogue
        each = list(dict.fromkeys(items))
        rows = catalogue.rows_of(each)
        features = feature_matrix(query, rows, self.state)
        scores = self.scorer.score(features)
        available = catalogue.available[rows]
        least = _least(scores, available)
        scores = np.where(available, scores, np.minimum(scores, least))
        order = np.lexsort((np.arange(len(rows)), -scores, ~available))[:count]
        explained = features[order] if explain else None
        ranked = self._ranked(query, rows[order], scores[order], explained)
        first = int(np.count_nonzero(available[order]))
        unknown = [Ranked(item, float(least)) for item in each if catalogue.row_of(item) is None]
        return [*ranked[:first], *unknown, *ranked[first:]][:count]

    def _diverse(
        self, rows: Int64s, scores: Float32s, count: int | None, *, is_one_category: bool
    ) -> Int64s:
        """Places in `rows`, the best first; no cap holds in a list of one category."""
        settings = self._settings.diversity
        if is_one_category:
            settings = settings.model_copy(update={"max_per_category": None})
        catalogue = self.state.catalogue
        # Each item's first category; an item without one has -1 there, which is `NO_GROUP`.
        groups: Int64s = catalogue.category_codes[rows, 0].astype(np.int64)
        return diverse(scores, rows, catalogue.vectors, settings, count, groups)

    def _ranked(
        self,
        query: Query,
        rows: Int64s,
        scores: Float32s | Float64s,
        features: Float32s | None,
    ) -> list[Ranked]:
        """Rows in their order, explained by their features where these are given."""
        catalogue = self.state.catalogue
        ids = [catalogue.ids[row] for row in rows.tolist()]
        if features is None:
            return list(map(Ranked, ids, scores.tolist()))
        titles = [catalogue.titles[row] for row in rows.tolist()]
        why = reasons(query, rows, features, self.state)
        return list(map(Ranked, ids, scores.tolist(), titles, why, map(_named, features)))


def _least(scores: Float32s, available: Bools) -> np.float32:
    """The least score of what can be had; what cannot be had gets no higher one [n, n]."""
    if available.any():
        return np.float32(scores[available].min())
    return np.float32(scores.max() if len(scores) else 0.0)


def _named(values: Float32s) -> dict[str, float | None]:
    return {
        name: value if np.isfinite(value) else None
        for name, value in zip(feature_names(), values.tolist(), strict=True)
    }
