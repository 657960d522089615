"""Whether a ranker may serve: judged by the last queries, beside what it takes the place of."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.ranking.replay import LabelledQuery
from shared.artifacts.promotion import GateResult
from shared.metrics.bootstrap import bootstrap_mean
from shared.metrics.retrieval import Float64s, JudgedRanking, ndcg_at_k
from shared.ranking.rankers.scorer import Scorer

K = 10


def judge(
    ranker: Scorer, rivals: Mapping[str, Scorer], last: Sequence[LabelledQuery], margin: float
) -> list[GateResult]:
    """A gate for each rival, by a paired bootstrap: the same queries are drawn for both."""
    ours, theirs = ndcg(ranker, last), {name: ndcg(rival, last) for name, rival in rivals.items()}
    return [gate_of(name, ours, values, margin) for name, values in theirs.items()]


def gate_of(rival: str, ours: Float64s, theirs: Float64s, margin: float) -> GateResult:
    """Whether a ranker is not below its rival, and not by chance, by nDCG@10 [q] of both."""
    gain = bootstrap_mean(ours - theirs)
    return GateResult(
        gate=f"not below {rival}",
        holds=gain.value >= 0.0 and gain.low >= -margin,
        found=f"nDCG@10 {ours.mean():.4f} to {theirs.mean():.4f}, difference {gain.value:+.4f} "
        f"({gain.low:+.4f} to {gain.high:+.4f}) on {gain.n} queries",
        limit=f"at least 0 ({-margin:+.4f})",
        remedy="train it on more behaviour",
    )


def ndcg(scorer: Scorer, queries: Sequence[LabelledQuery]) -> Float64s:
    """nDCG@10 [q] of a scorer's order; what was chosen and is not in the list counts as missed."""
    gains, ideal = np.zeros((2, len(queries), K))
    for number, query in enumerate(queries):
        ideal[number, : query.relevant] = 1.0
        if query.chosen.any():
            order = np.argsort(-scorer.score(query.features), kind="stable")[:K]
            gains[number, : len(order)] = query.chosen[order]
    return ndcg_at_k(JudgedRanking(gains, ideal), K)
