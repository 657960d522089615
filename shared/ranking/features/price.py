"""What an item costs, beside what was liked."""

import numpy as np

from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.query import Query
from shared.ranking.state import RankingState

PRICE_COLUMNS = ("price", "price_gap")


def price(query: Query, rows: Int64s, state: RankingState) -> Float32s:
    """Of n items [n, 2]: the logarithm of the price, and how far it lies from the liked ones'.

    The gap is without sign, in logarithms: 0.69 is twice or half the usual price. NaN where a
    price is not known.
    """
    prices = np.log(state.catalogue.price[rows])
    past, shares = state.taste(query)
    liked = np.log(state.catalogue.price[past.rows])
    priced = np.isfinite(liked)
    if not priced.any():
        return np.stack((prices, np.full_like(prices, np.nan)), axis=1)
    usual = np.average(liked[priced], weights=shares[priced])
    return np.stack((prices, np.abs(prices - usual)), axis=1).astype(np.float32)
