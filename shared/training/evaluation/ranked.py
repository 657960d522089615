"""What scores of documents are worth as an order, for cross-encoders and embeddings alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.metrics.calibration import Float64s
from shared.metrics.retrieval import (
    JudgedRanking,
    figures_at_10,
    hit_at_k,
    judge,
    mrr_at_k,
)
from shared.training.data.candidates import Candidates
from shared.training.evaluation.judgement import Confidence, Judgement, mean

K = 10
_CHANCE_ORDERS = 20


@dataclass(frozen=True, slots=True)
class Ranked:
    """One query's documents with their scores [m], and which of them are relevant."""

    documents: Sequence[str]
    relevant: Sequence[str]
    scores: Float64s


def candidates_by_query(examples: Sequence[Candidates]) -> list[Candidates]:
    """One entry for each query, in order, with all that any of its rows says.

    Queries without a relevant document are left out: no order of theirs is right or wrong.
    """
    positives: dict[str, dict[str, None]] = {}
    negatives: dict[str, dict[str, None]] = {}
    for each in examples:
        positives.setdefault(each.query, {}).update(dict.fromkeys(each.positives))
        negatives.setdefault(each.query, {}).update(dict.fromkeys(each.negatives))
    return [
        Candidates(query, tuple(own), tuple(text for text in negatives[query] if text not in own))
        for query, own in positives.items()
        if own
    ]


def judge_ranked(queries: Sequence[Ranked], confidence: Confidence | None) -> Judgement:
    """Figures of the first ten places; the baseline is the MRR of random orders."""
    ranking = _judged(queries)
    values = {**figures_at_10(ranking), "hit_at_1": hit_at_k(ranking, 1)}
    return Judgement(
        units="queries",
        n=len(queries),
        statistics={name: mean(each) for name, each in values.items()},
        baseline=_of_chance(queries),
        confidence=confidence,
    )


def _judged(queries: Sequence[Ranked]) -> JudgedRanking:
    relevant = [dict.fromkeys(query.relevant, 1.0) for query in queries]
    return judge([_first(query) for query in queries], relevant)


def _first(query: Ranked) -> list[str]:
    """The first places; of equal scores the later document comes first, so that a model that says
    the same of all of them, where the relevant ones stand first, gains nothing by it."""
    order = np.lexsort((-np.arange(len(query.scores)), -query.scores))[:K]
    return [query.documents[place] for place in order]


def _of_chance(queries: Sequence[Ranked]) -> float:
    generator = np.random.default_rng(0)
    found = []
    for _ in range(_CHANCE_ORDERS):
        shuffled = [
            Ranked(query.documents, query.relevant, generator.random(len(query.scores)))
            for query in queries
        ]
        found.append(float(mrr_at_k(_judged(shuffled), K).mean()))
    return float(np.mean(found))
