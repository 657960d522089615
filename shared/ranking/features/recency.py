"""How new an item is, and how long ago this user met it."""

import numpy as np

from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.query import Query
from shared.ranking.settings import DAY_S
from shared.ranking.state import RankingState

RECENCY_COLUMNS = ("item_age", "times_met", "since_met")


def recency(query: Query, rows: Int64s, state: RankingState) -> Float32s:
    """Of n items [n, 3]: age, how often this user or session met each, and since when not.

    Age and time are log(1 + days); the time is NaN where they never met.
    """
    first_s = state.catalogue.first_seen_s[rows]
    features = np.full((len(rows), len(RECENCY_COLUMNS)), np.nan, np.float32)
    known = np.isfinite(first_s)
    features[known, 0] = np.log1p(np.maximum(query.time_s - first_s[known], 0.0) / DAY_S)
    features[:, 1] = 0.0
    past = state.behaviour.past(query)
    if len(past):
        met, first_from_end, counts = np.unique(
            past.rows[::-1], return_index=True, return_counts=True
        )
        places = np.minimum(np.searchsorted(met, rows), len(met) - 1)
        hit = met[places] == rows
        last_s = past.times_s[::-1][first_from_end[places[hit]]]
        features[hit, 1] = counts[places[hit]]
        features[hit, 2] = np.log1p(np.maximum(query.time_s - last_s, 0.0) / DAY_S)
    return features
