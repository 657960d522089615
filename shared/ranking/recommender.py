"""Candidates, features, scores, diversity and reasons, one after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import Field

from shared.config import Settings
from shared.errors import NotFoundError
from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.candidates import CandidateSettings, candidates
from shared.ranking.diversity import mmr
from shared.ranking.feature_table import feature_matrix, feature_names
from shared.ranking.features.context import CONTEXT_COLUMNS, context
from shared.ranking.filters import Allowed, Filters
from shared.ranking.item_index import ItemIndex
from shared.ranking.query import Query
from shared.ranking.reasons import Reason, reasons
from shared.ranking.scorer import Scorer
from shared.ranking.state import RankingState


class DiversitySettings(Settings):
    """How much a list of recommendations varies.

    - `trade_off`: the share of the score against likeness to what stands above; 1 is the score
      alone.
    - `max_per_category`: the most items of one first category in a list; the list may be shorter.
    - `pool`: from how many of the best by score the list is chosen.
    """

    trade_off: float = Field(0.8, gt=0, le=1)
    max_per_category: int | None = Field(None, ge=1)
    pool: int = Field(100, ge=1)


class RecommenderSettings(Settings):
    """How candidates are found and lists are made."""

    candidates: CandidateSettings = CandidateSettings()
    diversity: DiversitySettings = DiversitySettings()


@dataclass(frozen=True, slots=True)
class Ranked:
    """An item with its score, and where they were asked for with reasons and features."""

    item: str
    score: float
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

    def set_vectors(self, items: Sequence[str], vectors: Float32s) -> None:
        """Sets the unit vectors [n, d] of n items, each named once; the next call finds them."""
        rows = self.state.set_vectors(items, vectors)
        if self.index is None:
            self.index = ItemIndex.build(rows, vectors)
        else:
            self.index.put(rows, vectors)

    def rank(
        self,
        query: Query,
        items: Sequence[str] | None,
        count: int | None,
        filters: Filters,
        *,
        explain: bool = False,
    ) -> list[Ranked]:
        """The best items first, at most `count`.

        With `items` each of them comes back once, by score alone; unknown ones are last, with the
        least score of the others. Filters and diversity are for what is found without them.
        """
        if items is not None:
            return self._rank_given(query, items, count, explain=explain)
        rows = candidates(query, self.state, self.index, filters, self._settings.candidates)
        features = feature_matrix(query, rows, self.state)
        scores = self.scorer.score(features)
        chosen = self._diverse(rows, scores, count, is_one_category=filters.category is not None)
        return self._ranked(query, rows[chosen], scores[chosen], features[chosen], explain=explain)

    def similar(self, item: str, count: int) -> list[Ranked]:
        """The items that are nearest to one by text and by what people do together.

        The score is the cosine of the texts plus that of the behaviour. Nothing that cannot be had.

        Raises:
            NotFoundError: no event has named the item.
        """
        row = self.state.catalogue.row_of(item)
        if row is None:
            raise NotFoundError(f"the item {item!r} is not known: send an item event first")
        catalogue, pairs = self.state.catalogue, self.state.behaviour.cooccurrence
        proposed = [pairs.after((row,), (1.0,))[0], pairs.before((row,), (1.0,))[0]]
        if self.index is not None and catalogue.has_vector[row]:
            mask = catalogue.available if catalogue.unavailable_count else None
            found, _ = self.index.search(catalogue.vectors[row][np.newaxis], count + 1, mask)
            proposed.append(found[found >= 0])
        rows = np.unique(np.concatenate(proposed))
        rows = rows[(rows != row) & catalogue.available[rows]]
        # The item's page is the context, and the features of context say how near others are.
        near = context(Query(None, None, 0.0, {"item": item}), rows, self.state)
        cosines = np.nan_to_num(near[:, CONTEXT_COLUMNS.index("context_item")])
        together = near[:, CONTEXT_COLUMNS.index("context_together")]
        supports = np.maximum(pairs.support[[row]], 1.0) / np.maximum(pairs.support[rows], 1.0)
        scores = cosines + together * np.sqrt(supports)
        order = np.argsort(-scores, kind="stable")[:count]
        return [
            Ranked(catalogue.ids[found], float(score))
            for found, score in zip(rows[order].tolist(), scores[order].tolist(), strict=True)
        ]

    def popular(self, count: int, category: str | None, time_s: float) -> list[Ranked]:
        """The items that are most popular at a time, with their decayed counts as scores."""
        filters = Filters(category, exclude_seen=False)
        allowed = Allowed(Query(None, None, time_s), self.state, filters)
        popularity = self.state.behaviour.popularity
        rows = popularity.leaders() if allowed.in_category is None else allowed.in_category
        rows = allowed.among(rows)
        rows = rows[popularity.is_counted(rows)]
        rows = rows[popularity.order(rows)][:count]
        scores = popularity.at(time_s, rows)[:, 0]
        return [
            Ranked(self.state.catalogue.ids[row], score)
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
        ]

    def _rank_given(
        self, query: Query, items: Sequence[str], count: int | None, *, explain: bool
    ) -> list[Ranked]:
        catalogue = self.state.catalogue
        each = list(dict.fromkeys(items))
        rows = catalogue.rows_of(each)
        features = feature_matrix(query, rows, self.state)
        scores = self.scorer.score(features)
        order = np.argsort(-scores, kind="stable")[:count]
        ranked = self._ranked(query, rows[order], scores[order], features[order], explain=explain)
        least = float(scores.min(initial=np.inf)) if len(scores) else 0.0
        unknown = [Ranked(item, least) for item in each if catalogue.row_of(item) is None]
        return (ranked + unknown)[:count]

    def _diverse(
        self, rows: Int64s, scores: Float32s, count: int | None, *, is_one_category: bool
    ) -> Int64s:
        """Places in `rows`, the best first; no cap holds in a list of one category."""
        settings = self._settings.diversity
        cap = None if is_one_category else settings.max_per_category
        order = np.argsort(-scores, kind="stable")
        count = len(order) if count is None else min(count, len(order))
        if settings.trade_off == 1.0 and cap is None:
            return order[:count]
        pool = order[: max(settings.pool, count)]
        chosen = mmr(
            scores[pool],
            self.state.catalogue.vectors[rows[pool]],
            trade_off=settings.trade_off,
            count=count,
            groups=self._groups(rows[pool]),
            max_per_group=cap,
        )
        places: Int64s = pool[chosen]
        return places

    def _groups(self, rows: Int64s) -> Int64s:
        """A number for each item's first category, `NO_GROUP` for an item without one."""
        groups: Int64s = self.state.catalogue.category_codes[rows, 0].astype(np.int64)
        return groups

    def _ranked(
        self, query: Query, rows: Int64s, scores: Float32s, features: Float32s, *, explain: bool
    ) -> list[Ranked]:
        ids = [self.state.catalogue.ids[row] for row in rows.tolist()]
        if not explain:
            return [Ranked(item, score) for item, score in zip(ids, scores.tolist(), strict=True)]
        why = reasons(query, rows, features, self.state)
        return [
            Ranked(item, score, reason, _named(values))
            for item, score, reason, values in zip(ids, scores.tolist(), why, features, strict=True)
        ]


def _named(values: Float32s) -> dict[str, float | None]:
    return {
        name: value if np.isfinite(value) else None
        for name, value in zip(feature_names(), values.tolist(), strict=True)
    }
