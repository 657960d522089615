"""How popular an item is now, lately and for long."""

import numpy as np

from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.query import Query
from shared.ranking.state import RankingState

POPULARITY_COLUMNS = ("popular_week", "popular_day", "popular_season", "popular_year", "approval")


def popularity(query: Query, rows: Int64s, state: RankingState) -> Float32s:
    """The popularity of n items at the query's time [n, 5].

    log(1 + decayed count) for each of `popularity_half_lives_s` in their order (by default a week,
    a day, 90 days, a year), and the mean weight of the item's interactions.
    """
    counts = state.behaviour.popularity.at(query.time_s, rows)
    approval = state.behaviour.popularity.approval(rows)
    return np.column_stack((np.log1p(counts), approval)).astype(np.float32)
