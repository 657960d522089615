"""How much of what was liked is of an item's categories."""

import numpy as np

from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.query import Query
from shared.ranking.state import RankingState

CATEGORY_AFFINITY_COLUMNS = ("category_mean", "category_best")


def category_affinity(query: Query, rows: Int64s, state: RankingState) -> Float32s:
    """The affinity of n items' categories, their mean and their best [n, 2].

    A category's affinity is its share of what was liked, 0 to 1, each liked item weighted as
    `RankingState.taste` says. NaN where an item, or everything liked, has no category.
    """
    features = np.full((len(rows), len(CATEGORY_AFFINITY_COLUMNS)), np.nan, np.float32)
    past, shares = state.taste(query)
    liked = state.catalogue.category_codes[past.rows]
    held = liked >= 0
    if not held.any():
        return features
    weights = np.broadcast_to(shares[:, np.newaxis], liked.shape)[held]
    total = max(float(shares[held.any(axis=1)].sum()), 1e-9)
    affinity = np.bincount(liked[held], weights / total, len(state.catalogue.categories))
    codes = state.catalogue.category_codes[rows]
    used = codes >= 0
    some = used.any(axis=1)
    values = np.where(used, affinity[codes], 0.0)[some]
    features[some, 0] = values.sum(axis=1) / used[some].sum(axis=1)
    features[some, 1] = values.max(axis=1)
    return features
