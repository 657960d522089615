"""The features in their order: what training writes, a model reads, and serving computes."""

from collections.abc import Callable

import numpy as np

from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.features.category_affinity import CATEGORY_AFFINITY_COLUMNS, category_affinity
from shared.ranking.features.context import CONTEXT_COLUMNS, context
from shared.ranking.features.cooccurrence import COOCCURRENCE_COLUMNS, cooccurrence
from shared.ranking.features.popularity import POPULARITY_COLUMNS, popularity
from shared.ranking.features.position import POSITION_COLUMNS, position
from shared.ranking.features.price import PRICE_COLUMNS, price
from shared.ranking.features.recency import RECENCY_COLUMNS, recency
from shared.ranking.features.sequence import SEQUENCE_COLUMNS, sequence
from shared.ranking.features.text_match import TEXT_MATCH_COLUMNS, text_match
from shared.ranking.query import Query
from shared.ranking.state import RankingState

Feature = Callable[[Query, Int64s, RankingState], Float32s]

FEATURES: tuple[tuple[tuple[str, ...], Feature], ...] = (
    (TEXT_MATCH_COLUMNS, text_match),
    (COOCCURRENCE_COLUMNS, cooccurrence),
    (SEQUENCE_COLUMNS, sequence),
    (POPULARITY_COLUMNS, popularity),
    (RECENCY_COLUMNS, recency),
    (CATEGORY_AFFINITY_COLUMNS, category_affinity),
    (PRICE_COLUMNS, price),
    (CONTEXT_COLUMNS, context),
    (POSITION_COLUMNS, position),
)
"""The names of the columns that each function makes."""


def feature_names() -> tuple[str, ...]:
    """The names of the f columns of `feature_matrix`, in their order."""
    return tuple(name for names, _ in FEATURES for name in names)


def feature_matrix(query: Query, rows: Int64s, state: RankingState) -> Float32s:
    """The features [n, f] of n items for a query; NaN where something is not known."""
    return np.concatenate([feature(query, rows, state) for _, feature in FEATURES], axis=1)
