"""Where an item stood in the ranking that was shown."""

import numpy as np

from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.query import Query
from shared.ranking.state import RankingState

POSITION_COLUMNS = ("position",)

_FIRST = 0.0


def position(query: Query, rows: Int64s, state: RankingState) -> Float32s:
    """log(1 + place) of n items in the ranking shown [n, 1], counted from 0.

    People click on what stands at the top. In training the feature takes that part of a click upon
    itself, so that the others need not explain it; while serving nothing was shown yet, and each
    item stands at the first place. In training an item that was not shown stands behind the last.
    """
    if not query.shown:
        return np.full((len(rows), 1), _FIRST, np.float32)
    places: dict[int, int] = {}
    for place, item in enumerate(query.shown):
        row = state.catalogue.row_of(item)
        if row is not None:
            places.setdefault(row, place)
    of_rows = [places.get(row, len(query.shown)) for row in rows.tolist()]
    return np.log1p(np.array(of_rows, np.float32))[:, np.newaxis]
