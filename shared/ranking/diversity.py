"""A list that is good as a whole: maximal marginal relevance, and a cap for each group.

After Carbonell and Goldstein 1998, "The use of MMR, diversity-based reranking for reordering
documents and producing summaries". Of c places the k-th, counted from 0, gets the candidate with
the largest

    trade_off * relevance / log2(k + 2) - (1 - trade_off) * (sum of cosines with the chosen) / c

and the chosen then stand in the order of their scores. The relevance of the candidate with the
r-th best score is 1 / r: ranks mean the same with every scorer. The discount of the place is that
of nDCG and the sum counts each pair once, as the distance within a list does, so that variety
enters where it costs least. On the dev set amazon_office scaled scores and the largest cosine cost
about twice the nDCG for the same distance. A cosine below 0 counts as 0: the opposite of a thing is
no more different from it than something unrelated is, and something without a text (zeros) is
unrelated to everything.

Notation of shapes: n candidates, d the vectors' width, c chosen.
"""

import numpy as np
from pydantic import Field

from shared.config import Settings
from shared.errors import InputError
from shared.ranking.arrays import Blocks, Float32s, Int64s

NO_GROUP = -1
"""The group of candidates that are in none; no cap holds for them."""


class DiversitySettings(Settings):
    """How much a list of recommendations varies.

    - `trade_off`: the share of relevance against likeness to what stands above, see
      `shared.ranking.diversity`; 1 is the score alone.
    - `max_per_category`: the most items of one first category in a list; the list may be shorter.
    - `pool`: from how many of the best by score the list is chosen.
    """

    trade_off: float = Field(0.875, gt=0, le=1)
    max_per_category: int | None = Field(None, ge=1)
    pool: int = Field(100, ge=1)


def diverse(
    scores: Float32s,
    rows: Int64s,
    vectors: Blocks,
    settings: DiversitySettings,
    count: int | None,
    groups: Int64s | None = None,
) -> Int64s:
    """The places [c] of the candidates for a list of `count` (None: of all), the first ones first.

    `scores` [n], `groups` [n] and `rows` [n] are the candidates'; `vectors` are the catalogue's.
    """
    order = np.argsort(-scores, kind="stable")
    count = len(order) if count is None else min(count, len(order))
    if settings.trade_off == 1.0 and settings.max_per_category is None:
        return order[:count]
    pool = order[: max(settings.pool, count)]
    chosen = mmr(
        scores[pool],
        vectors[rows[pool]],
        trade_off=settings.trade_off,
        count=count,
        groups=None if groups is None else groups[pool],
        max_per_group=settings.max_per_category,
    )
    return pool[chosen]


def mmr(
    scores: Float32s,
    vectors: Float32s,
    *,
    trade_off: float,
    count: int,
    groups: Int64s | None = None,
    max_per_group: int | None = None,
) -> Int64s:
    """The places [c] of the chosen candidates by their scores; of equals the earlier one.

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
    order = np.argsort(-scores, kind="stable")
    count = min(count, len(scores))
    ranks = np.empty(len(scores), np.int64)
    ranks[order] = np.arange(len(scores))
    relevance = np.float32(trade_off) / (1.0 + ranks)
    likeness = np.zeros(len(scores), np.float32)
    is_free = np.ones(len(scores), np.bool_)
    left = _allowances(groups, max_per_group)
    chosen: list[int] = []
    for place in range(count):
        worth = relevance / np.log2(place + 2) - np.float32(1 - trade_off) * likeness / count
        best = int(np.argmax(np.where(is_free, worth, -np.inf)))
        if not is_free[best]:
            break
        chosen.append(best)
        is_free[best] = False
        if groups is not None and groups[best] in left:
            left[groups[best]] -= 1
            if left[groups[best]] == 0:
                is_free[groups == groups[best]] = False
        likeness += np.maximum(vectors @ vectors[best], 0.0)
    return np.array(sorted(chosen, key=lambda place: ranks[place]), np.int64)


def _allowances(groups: Int64s | None, max_per_group: int | None) -> dict[int, int]:
    """How many may yet be chosen, by group; a group without a cap is not in it."""
    if groups is None or max_per_group is None:
        return {}
    if max_per_group < 1:
        raise InputError(f"at most {max_per_group} of a group: give 1 or more, or None")
    return dict.fromkeys((int(g) for g in np.unique(groups) if g != NO_GROUP), max_per_group)
