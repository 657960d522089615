"""Measures rankers side by side on the whole catalogue, never on sampled negatives.

All of them know the events up to the cut, and of each query its user's history. Seen items are
left out where the data set says so, for every ranker alike.

Notation of shapes: q queries, n items, k places of a list, d the width of vectors.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.ranking.baselines import POPULARITY, Baseline, MostPopular, Positives, baselines
from pipelines.ranking.datasets import HeldOutQuery, RankingData
from pipelines.ranking.recommenders import Asked, rank, state_at_the_cut
from shared.metrics.bootstrap import Indices, Interval, bootstrap, bootstrap_mean
from shared.metrics.ranking import coverage, intra_list_distance, popularity_lift
from shared.metrics.retrieval import Float64s, judge, mrr_at_k, ndcg_at_k, recall_at_k
from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.diversity import DiversitySettings
from shared.ranking.rankers.scorer import Scorer

K = 10
_RANDOM_ORDERS = 20
"""Among items that nobody has met popularity is a random order: its mean over so many."""

_BLOCK = 512
"""Questions whose scores for the whole catalogue are held at once."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One ranker on one data set.

    `figures` are means over queries. `cold_users` is nDCG@10 of queries without a history,
    `cold_items` of those for an item first seen after the cut with only such items ranked; None
    where the set has no such query.
    """

    name: str
    figures: Mapping[str, Interval]
    cold_users: Interval | None
    cold_items: Interval | None
    coverage: float
    popularity_lift: float
    seconds: float
    is_baseline: bool
    ndcg: Float64s
    """nDCG@10 of each query [q]."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rankers on one data set, and the best of ours over the best baseline, by nDCG@10.

    The ratio's interval resamples queries, the same ones for both.
    """

    data: str
    query_count: int
    item_count: int
    exclude_seen: bool
    measured: tuple[Measured, ...]
    ratio: Interval
    cold_items_ratio: float | None
    """Ours over popularity on items first seen after the cut; None where there are none."""

    @property
    def best_baseline(self) -> Measured:
        """The baseline with the largest nDCG@10."""
        return _best(self.measured, baseline=True)

    @property
    def ours(self) -> Measured:
        """The platform's ranker with the largest nDCG@10."""
        return _best(self.measured, baseline=False)


def compare(
    data: RankingData,
    vectors: Float32s,
    scorers: Mapping[str, Scorer],
    *,
    factorised: bool = True,
    resamples: int = 1000,
) -> Comparison:
    """Measures the baselines, then the platform's path with each scorer.

    `vectors` are unit vectors [n, d] of the items; `factorised` adds ALS and BPR.

    Raises:
        DependencyError: `factorised`, and the extra `benchmark` is not installed.
    """
    judged = _Judged(data, vectors, resamples)
    cold_queries = [data.queries[number] for number in judged.cold_numbers]
    positives = Positives.of(data)
    measured: list[Measured] = []
    for name, variants in baselines(positives, factorised=factorised).items():
        started_s = time.perf_counter()
        fitted = ((_lists(each, data, data.queries), each) for each in variants)
        lists, fittest = max(fitted, key=lambda pair: float(judged.ndcg(pair[0]).mean()))
        orders = [fittest]
        if name == POPULARITY:
            orders = [MostPopular(positives, seed) for seed in range(_RANDOM_ORDERS)]
        cold = [_lists(each, data, cold_queries, judged.cold_rows) for each in orders]
        seconds = time.perf_counter() - started_s
        measured.append(judged.measure(name, lists, cold, seconds, is_baseline=True))
    asked = Asked(data, state_at_the_cut(data, vectors))
    for name, scorer in scorers.items():
        started_s = time.perf_counter()
        lists = rank(asked, range(len(data.queries)), scorer, K)
        cold = [rank(asked, judged.cold_numbers, scorer, K, among=judged.cold_rows)]
        seconds = time.perf_counter() - started_s
        measured.append(judged.measure(name, lists, cold, seconds, is_baseline=False))
        diverse = rank(asked, range(len(data.queries)), scorer, K, diversity=DiversitySettings())
        seconds = time.perf_counter() - started_s - seconds
        varied = f"{name}, diverse"
        measured.append(judged.measure(varied, diverse, cold, seconds, is_baseline=False))
    ours, best = _best(measured, baseline=False), _best(measured, baseline=True)
    return Comparison(
        data.name,
        len(data.queries),
        len(data.items),
        data.exclude_seen,
        tuple(measured),
        ratio(ours.ndcg, best.ndcg, resamples),
        _cold_ratio(measured, ours),
    )


def ratio(ours: Float64s, theirs: Float64s, resamples: int = 1000) -> Interval:
    """The mean of values [q] over the mean of others [q] for the same queries."""

    def statistic(indices: Indices) -> float:
        return float(ours[indices].mean() / max(float(theirs[indices].mean()), 1e-12))

    return bootstrap(statistic, len(ours), resamples=resamples, bounds=(0.0, np.inf))


class _Judged:
    """What is right, and measuring of lists by it."""

    def __init__(self, data: RankingData, vectors: Float32s, resamples: int) -> None:
        self._data = data
        self._vectors = vectors
        self._resamples = resamples
        self._ids = [item.item for item in data.items]
        self._counts = Positives.of(data).counts()
        self.cold_rows = data.first_seen_after_the_cut()
        cold = {self._ids[row] for row in self.cold_rows.tolist()}
        self._relevant = [dict.fromkeys(q.relevant, 1.0) for q in data.queries]
        self._cold_relevant = [
            {item: 1.0 for item in query.relevant if item in cold} for query in data.queries
        ]
        # Without a history nothing distinguishes new items for anybody.
        self.cold_numbers = [
            number
            for number, query in enumerate(data.queries)
            if self._cold_relevant[number] and query.history
        ]

    def measure(
        self, name: str, lists: Int64s, cold: Sequence[Int64s], seconds: float, *, is_baseline: bool
    ) -> Measured:
        ranking = judge(self._names(lists), self._relevant)
        values = {
            f"ndcg@{K}": ndcg_at_k(ranking, K),
            f"recall@{K}": recall_at_k(ranking, K),
            f"mrr@{K}": mrr_at_k(ranking, K),
            "intra_list_distance": intra_list_distance(lists, self._vectors),
        }
        ndcg = values[f"ndcg@{K}"]
        new_users = np.array([not query.history for query in self._data.queries])
        rows = self._data.rows
        chosen = [rows[item] for query in self._data.queries for item in query.relevant]
        return Measured(
            name,
            {key: self._interval(value) for key, value in values.items()},
            self._interval(ndcg[new_users]) if new_users.any() else None,
            self._cold(cold),
            coverage(lists, len(self._ids)),
            popularity_lift(lists, self._counts, np.array(chosen, np.int64)),
            seconds,
            is_baseline,
            ndcg,
        )

    def ndcg(self, lists: Int64s) -> Float64s:
        """nDCG@10 of each query [q]."""
        return ndcg_at_k(judge(self._names(lists), self._relevant), K)

    def _cold(self, orders: Sequence[Int64s]) -> Interval | None:
        if not self.cold_numbers:
            return None
        relevant = [self._cold_relevant[number] for number in self.cold_numbers]
        values = [ndcg_at_k(judge(self._names(lists), relevant), K) for lists in orders]
        return self._interval(np.mean(values, axis=0))

    def _interval(self, values: Float64s) -> Interval:
        return bootstrap_mean(values, resamples=self._resamples)

    def _names(self, lists: Int64s) -> list[list[str]]:
        return [[self._ids[row] for row in places if row >= 0] for places in lists.tolist()]


def _lists(
    baseline: Baseline,
    data: RankingData,
    queries: Sequence[HeldOutQuery],
    among: Int64s | None = None,
) -> Int64s:
    """The best rows for each query [q, k], of all or of some."""
    rows = data.rows
    parts = [np.zeros((0, K), np.int64)]
    for start in range(0, len(queries), _BLOCK):
        block = queries[start : start + _BLOCK]
        scores = baseline.scores(block)
        if data.exclude_seen:
            for number, query in enumerate(block):
                scores[number, [rows[event.item] for event in query.history]] = -np.inf
        parts.append(best_rows(scores if among is None else scores[:, among], K, among))
    return np.concatenate(parts)


def best_rows(scores: Float32s, count: int, among: Int64s | None = None) -> Int64s:
    """The rows with the largest of scores [q, n], the best first, then -1 [q, count].

    Minus infinity is never among them. Column j is row `among[j]`, or row j.
    """
    lists = np.full((len(scores), count), -1, np.int64)
    width = min(count, scores.shape[1])
    if width:
        found = np.argpartition(-scores, width - 1, axis=1)[:, :width]
        values = np.take_along_axis(scores, found, 1)
        order = np.argsort(-values, axis=1, kind="stable")
        found = np.take_along_axis(found, order, 1)
        is_ranked = np.isfinite(np.take_along_axis(values, order, 1))
        lists[:, :width] = np.where(is_ranked, found if among is None else among[found], -1)
    return lists


def _best(measured: Sequence[Measured], *, baseline: bool) -> Measured:
    rivals = [each for each in measured if each.is_baseline is baseline]
    return max(rivals, key=lambda each: float(each.ndcg.mean()))


def _cold_ratio(measured: Sequence[Measured], ours: Measured) -> float | None:
    popular = next(each for each in measured if each.name == POPULARITY)
    if ours.cold_items is None or popular.cold_items is None:
        return None
    return ours.cold_items.value / max(popular.cold_items.value, 1e-12)
