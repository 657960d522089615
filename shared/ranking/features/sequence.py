"""How well an item goes on from what was liked last, by place in the history and not by time."""

import numpy as np

from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.behaviour.row_sums import RowSums
from shared.ranking.query import Query
from shared.ranking.state import RankingState

SEQUENCE_COLUMNS = ("sequence_next", "sequence_text")

_LENGTH = 20
_STEP_BACK = 0.7
"""What a liked item counts beside the one that was liked after it."""

_SHRINKAGE = 2.0
_BACKWARDS = 0.5
"""What counts a pair in the reverse order: to have come before is some sign of coming next."""

_SHARPNESS = 5.0


def sequence(query: Query, rows: Int64s, state: RankingState) -> Float32s:
    """How n items [n, 2] go on from the newest liked ones, the last of which counts most.

    - `sequence_next`: how often the item came after, and with half the weight before, a liked one
      for each time of that one; 0 where it never did.
    - `sequence_text`: the sum of exp(5 (cosine - 1)) with each liked one, so that one close match
      says more than many vague ones; NaN where an item, or everything liked, has no vector.
    """
    features = np.full((len(rows), len(SEQUENCE_COLUMNS)), np.nan, np.float32)
    features[:, 0] = 0.0
    past = state.behaviour.past(query).liked().newest(_LENGTH)
    if not len(past):
        return features
    weights = np.float32(_STEP_BACK) ** np.arange(len(past) - 1, -1, -1, dtype=np.float32)
    features[:, 0] = _next(past.rows, weights, rows, state)
    known = state.catalogue.has_vector[rows]
    described = state.catalogue.has_vector[past.rows]
    if described.any():
        liked = state.catalogue.vectors[past.rows[described]]
        cosines = state.catalogue.vectors[rows[known]] @ liked.T
        # An item met before matches itself perfectly, which says nothing new.
        own = rows[known][:, np.newaxis] == past.rows[described]
        near = np.where(own, 0.0, np.exp(_SHARPNESS * (cosines - 1.0)))
        features[known, 1] = near @ weights[described]
    return features


def _next(liked: Int64s, weights: Float32s, rows: Int64s, state: RankingState) -> Float32s:
    pairs = state.behaviour.cooccurrence
    factors = weights / (pairs.support[liked] + _SHRINKAGE)
    sums = RowSums(rows)
    after = sums.of(*pairs.after(liked.tolist(), factors.tolist()))
    before = sums.of(*pairs.before(liked.tolist(), factors.tolist()))
    return (after + _BACKWARDS * before).astype(np.float32)
