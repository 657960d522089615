"""How often an item went together with what was liked."""

import numpy as np

from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.behaviour.row_sums import RowSums
from shared.ranking.query import Query
from shared.ranking.state import RankingState

COOCCURRENCE_COLUMNS = ("together_after", "together_cosine", "together_last")

_SHRINKAGE = 2.0
"""Added to an item's support, so that one occurrence is not a certainty."""


def cooccurrence(query: Query, rows: Int64s, state: RankingState) -> Float32s:
    """How n items [n, 3] go together with the liked ones; 0 where they never did.

    - `together_after`: how often the item came after a liked one, for each time of that one.
    - `together_cosine`: how often both came in either order, over the root of both their supports.
    - `together_last`: the same with the last liked item alone.

    The first two are means over the liked items, each weighted as `RankingState.taste` says.
    """
    past, shares = state.taste(query)
    if not len(past):
        return np.zeros((len(rows), len(COOCCURRENCE_COLUMNS)), np.float32)
    pairs = state.behaviour.cooccurrence
    supports = pairs.support[past.rows] + _SHRINKAGE
    liked = past.rows.tolist()
    shares = shares / shares.sum()
    roots = 1.0 / np.sqrt(supports)
    of_rows = 1.0 / np.sqrt(pairs.support[rows] + _SHRINKAGE)
    sums = RowSums(rows)
    return np.stack(
        (
            sums.of(*pairs.after(liked, (shares / supports).tolist())),
            sums.of(*pairs.around(liked, (shares * roots).tolist())) * of_rows,
            sums.of(*pairs.around(liked[-1:], roots[-1:].tolist())) * of_rows,
        ),
        axis=1,
    ).astype(np.float32)
