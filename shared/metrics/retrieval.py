"""Quality of ranked results, one value for each query; `bootstrap_mean` makes an interval of them.

Notation of shapes: q queries, r results of each at most, m relevant items of a query at most.

    ranking = judge([["d3", "d1"]], [{"d1": 1.0}])
    bootstrap_mean(ndcg_at_k(ranking, 10))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JudgedRanking:
    """What was found and what could have been, as relevance (0 is irrelevant), zero-padded.

    `gains` [q, r] is the relevance of each result in the order of the ranking; `ideal` [q, m]
    the relevance of every relevant item of the query, the best first.
    """

    gains: Float64s
    ideal: Float64s


def judge(
    ranked: Sequence[Sequence[str]], relevant: Sequence[Mapping[str, float]]
) -> JudgedRanking:
    """Looks up the relevance of ranked ids.

    An id that stands twice in a ranking counts once, at its first place.

    Raises:
        ValueError: the lengths differ, or a query has no relevant item (drop it beforehand: no
            ranking can be right or wrong for it).
    """
    if len(ranked) != len(relevant):
        raise ValueError(f"{len(ranked)} rankings for {len(relevant)} queries: give one for each")
    gains: list[list[float]] = []
    ideal: list[list[float]] = []
    for query, (ids, judgements) in enumerate(zip(ranked, relevant, strict=True)):
        best = sorted((gain for gain in judgements.values() if gain > 0), reverse=True)
        if not best:
            raise ValueError(f"query {query} has no relevant item: leave it out of the measurement")
        ideal.append(best)
        gains.append([max(judgements.get(found, 0.0), 0.0) for found in dict.fromkeys(ids)])
    return JudgedRanking(_padded(gains), _padded(ideal))


def ndcg_at_k(ranking: JudgedRanking, k: int) -> Float64s:
    """Normalised discounted cumulative gain of the first k results, in 0..1, [q].

    Linear gain, as in trec_eval and BEIR.
    Source: Järvelin and Kekäläinen, ACM TOIS 20(4), 2002.
    """
    return _dcg(ranking.gains, k) / _dcg(ranking.ideal, k)


def mrr_at_k(ranking: JudgedRanking, k: int) -> Float64s:
    """One over the place of the first relevant result among the first k, else 0, [q]."""
    hits = ranking.gains[:, :k] > 0
    places = 1.0 + np.arange(hits.shape[1])
    reciprocal: Float64s = hits / places
    best: Float64s = reciprocal.max(axis=1, initial=0.0)
    return best


def hit_at_k(ranking: JudgedRanking, k: int) -> Float64s:
    """1 where a relevant item is among the first k results, else 0, [q]."""
    hits: Float64s = np.any(ranking.gains[:, :k] > 0, axis=1).astype(np.float64)
    return hits


def recall_at_k(ranking: JudgedRanking, k: int) -> Float64s:
    """The share of a query's relevant items that are among the first k results, [q]."""
    found = (ranking.gains[:, :k] > 0).sum(axis=1)
    recall: Float64s = found / (ranking.ideal > 0).sum(axis=1)
    return recall


def figures_at_10(ranking: JudgedRanking) -> dict[str, Float64s]:
    """MRR, nDCG and recall of the first ten results by name, each [q]."""
    return {
        "mrr_at_10": mrr_at_k(ranking, 10),
        "ndcg_at_10": ndcg_at_k(ranking, 10),
        "recall_at_10": recall_at_k(ranking, 10),
    }


def _dcg(gains: Float64s, k: int) -> Float64s:
    discounts = 1.0 / np.log2(2.0 + np.arange(min(k, gains.shape[1])))
    return gains[:, :k] @ discounts


def _padded(rows: Sequence[Sequence[float]]) -> Float64s:
    width = max((len(row) for row in rows), default=0)
    padded = np.zeros((len(rows), width))
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return padded
