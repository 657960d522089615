"""Whether a ranker may serve: judged by the last queries, beside what it takes the place of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.ranking.replay import LabelledQuery
from shared.metrics.bootstrap import Interval, bootstrap_mean
from shared.metrics.retrieval import Float64s, JudgedRanking, ndcg_at_k
from shared.ranking.rankers.scorer import Scorer

K = 10


@dataclass(frozen=True, slots=True)
class Gate:
    """One comparison: nDCG@10 of both, and the mean difference for the same queries."""

    rival: str
    ours: Interval
    theirs: Interval
    gain: Interval
    margin: float

    @property
    def holds(self) -> bool:
        """Whether the ranker is not below its rival, and not by chance."""
        return self.gain.value >= 0.0 and self.gain.low >= -self.margin

    def __str__(self) -> str:
        """Both figures, what they differ by, and what follows."""
        verdict = "holds" if self.holds else "does not hold"
        return (
            f"not below {self.rival}: nDCG@10 {self.ours.value:.4f} to {self.theirs.value:.4f}, "
            f"difference {self.gain.value:+.4f} ({self.gain.low:+.4f} to {self.gain.high:+.4f}) on "
            f"{self.gain.n} queries, at least 0 ({-self.margin:+.4f}) asked for: {verdict}"
        )


def judge(
    ranker: Scorer, rivals: Mapping[str, Scorer], last: Sequence[LabelledQuery], margin: float
) -> tuple[Gate, ...]:
    """A gate for each rival, by a paired bootstrap: the same queries are drawn for both."""
    ours = ndcg(ranker, last)
    gates = []
    for name, rival in rivals.items():
        theirs = ndcg(rival, last)
        gain = bootstrap_mean(ours - theirs)
        gates.append(Gate(name, bootstrap_mean(ours), bootstrap_mean(theirs), gain, margin))
    return tuple(gates)


def ndcg(scorer: Scorer, queries: Sequence[LabelledQuery]) -> Float64s:
    """nDCG@10 [q] of a scorer's order; what was chosen and is not in the list counts as missed."""
    gains, ideal = np.zeros((2, len(queries), K))
    for number, query in enumerate(queries):
        ideal[number, : query.relevant] = 1.0
        if query.chosen.any():
            order = np.argsort(-scorer.score(query.features), kind="stable")[:K]
            gains[number, : len(order)] = query.chosen[order]
    return ndcg_at_k(JudgedRanking(gains, ideal), K)
