"""A list that is good as a whole: maximal marginal relevance, and a cap for each group.

Source: Carbonell and Goldstein 1998, "The use of MMR, diversity-based reranking for reordering
documents and producing summaries"; the next is the one with the largest

    trade_off * score - (1 - trade_off) * (largest cosine with what was chosen already)

Scores are scaled to 0..1 over the candidates first, so the trade-off means the same with every
scorer. A cosine below 0 counts as 0: the opposite of a thing is no more different from it than
something unrelated is, and something without a text (zeros) is unrelated to everything.

Notation of shapes: n candidates, d the vectors' width, c chosen.
"""

import numpy as np

from shared.errors import InputError
from shared.ranking.arrays import Float32s, Int64s

NO_GROUP = -1
"""The group of candidates that are in none; no cap holds for them."""


def mmr(
    scores: Float32s,
    vectors: Float32s,
    *,
    trade_off: float,
    count: int,
    groups: Int64s | None = None,
    max_per_group: int | None = None,
) -> Int64s:
    """The places [c] of the chosen candidates in their order; of equals the earlier one.

    `vectors` [n, d] are of unit length. A `trade_off` of 1 keeps the order of the `scores` [n], 0
    looks at variety alone. Of a group [n] at most `max_per_group` are chosen, so fewer than
    `count` may be.

    Raises:
        InputError: the trade-off is not between 0 and 1, or a score is not finite.
    """
    if not 0 <= trade_off <= 1:
        raise InputError(f"a trade-off of {trade_off}: give one between 0 and 1")
    if not np.isfinite(scores).all():
        raise InputError("a score is not finite: the scorer must give one for each candidate")
    worth = np.float32(trade_off) * _scaled(scores)
    likeness = np.zeros(len(scores), np.float32)
    left = _allowances(groups, max_per_group)
    chosen: list[int] = []
    for _ in range(min(count, len(scores))):
        best = int(np.argmax(worth - likeness))
        if worth[best] == -np.inf:
            break
        chosen.append(best)
        worth[best] = -np.inf
        if groups is not None and groups[best] in left:
            left[groups[best]] -= 1
            if left[groups[best]] == 0:
                worth[groups == groups[best]] = -np.inf
        np.maximum(likeness, np.float32(1 - trade_off) * (vectors @ vectors[best]), out=likeness)
    return np.array(chosen, np.int64)


def _scaled(scores: Float32s) -> Float32s:
    """Scores [n] as 0..1; all 0 where they are equal."""
    if not len(scores):
        return np.zeros(0, np.float32)
    # In double precision, or a difference of large scores could be infinite.
    wide = scores.astype(np.float64)
    span = wide.max() - wide.min()
    if span == 0:
        return np.zeros(len(scores), np.float32)
    scaled: Float32s = ((wide - wide.min()) / span).astype(np.float32)
    return scaled


def _allowances(groups: Int64s | None, max_per_group: int | None) -> dict[int, int]:
    """How many may yet be chosen, by group; a group without a cap is not in it."""
    if groups is None or max_per_group is None:
        return {}
    if max_per_group < 1:
        raise InputError(f"at most {max_per_group} of a group: give 1 or more, or None")
    return dict.fromkeys((int(g) for g in np.unique(groups) if g != NO_GROUP), max_per_group)
