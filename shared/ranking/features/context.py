"""How an item fits to the page on which it is shown, and how well the user is known."""

import numpy as np

from shared.ranking.arrays import Bools, Float32s, Float64s, Int64s
from shared.ranking.behaviour.row_sums import RowSums
from shared.ranking.events import strings
from shared.ranking.query import Query
from shared.ranking.state import RankingState

CONTEXT_COLUMNS = ("context_category", "context_item", "context_together", "history_length")


def context(query: Query, rows: Int64s, state: RankingState) -> Float32s:
    """Of n items [n, 4], by the fields `category` and `item` of the query:

    - `context_category`: 1 in a category that the query names, or else one that the user's own
      field `category` names; 0 outside; NaN where neither names any.
    - `context_item`: the cosine with the item that is looked at, NaN without vectors.
    - `context_together`: how often it went together with that item, for each time of that one.
    - `history_length`: log(1 + interactions), the same for all n; it tells a ranker how far to
      trust the others.
    """
    catalogue = state.catalogue
    features = np.full((len(rows), len(CONTEXT_COLUMNS)), np.nan, np.float32)
    features[:, 0] = _in_category(query, rows, state)
    features[:, 2] = 0.0
    features[:, 3] = np.log1p(len(state.behaviour.past(query)))
    seen = catalogue.rows_of(strings(query.fields.get("item"))[:1])
    if len(seen):
        if catalogue.has_vector[seen[0]]:
            known = catalogue.has_vector[rows]
            features[known, 1] = catalogue.vectors[rows[known]] @ catalogue.vectors[seen][0]
        features[:, 2] = _together(int(seen[0]), rows, state)
    return features


def _in_category(query: Query, rows: Int64s, state: RankingState) -> Float32s:
    catalogue = state.catalogue
    own = state.behaviour.user_fields(query.user)
    names = strings(query.fields.get("category")) or strings(own.get("category"))
    if not names:
        return np.full(len(rows), np.nan, np.float32)
    codes = [code for code in map(catalogue.category_code, names) if code is not None]
    inside: Bools = np.logical_or.reduce(np.isin(catalogue.category_codes[rows], codes), axis=1)
    return inside.astype(np.float32)


def _together(seen: int, rows: Int64s, state: RankingState) -> Float64s:
    pairs = state.behaviour.cooccurrence
    share = 1.0 / max(float(pairs.support[seen]), 1.0)
    return RowSums(rows).of(*pairs.around((seen,), (share,)))
