"""How well an item's text fits to what was liked."""

import numpy as np

from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.query import Query
from shared.ranking.state import RankingState

TEXT_MATCH_COLUMNS = ("text_taste", "text_nearest", "text_last", "text_unmet")


def text_match(query: Query, rows: Int64s, state: RankingState) -> Float32s:
    """Cosines [n, 4] of n items with the taste, with the nearest liked item, and with the last.

    The taste is the mean of the liked items' vectors, each weighted as `RankingState.taste` says.
    `text_unmet` is `text_nearest` of items that nobody liked yet, of which text alone can speak,
    and 0 of the others. NaN where an item, or everything liked, has no vector.
    """
    catalogue = state.catalogue
    matches = np.full((len(rows), len(TEXT_MATCH_COLUMNS)), np.nan, np.float32)
    past, shares = state.taste(query)
    with_vector = catalogue.has_vector[past.rows]
    if not with_vector.any():
        return matches
    liked = catalogue.vectors[past.rows[with_vector]]
    shares = shares[with_vector]
    known = catalogue.has_vector[rows]
    cosines = catalogue.vectors[rows[known]] @ liked.T
    length = max(float(np.linalg.norm(shares @ liked)), 1e-9)
    matches[known, 0] = cosines @ shares / length
    matches[known, 1] = cosines.max(axis=1)
    matches[known, 2] = cosines[:, -1]
    met = state.behaviour.popularity.is_counted(rows[known])
    matches[known, 3] = np.where(met, 0.0, matches[known, 1])
    return matches
