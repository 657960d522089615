"""Which items are worth ranking: of a million some hundreds, from several sources.

Each source proposes what passes the filters, before its own cut; so a filter does not leave less
than there is. The sources overlap, and their union has no order.
"""

import numpy as np
from pydantic import Field

from shared.config import Settings
from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.behaviour.row_sums import strongest
from shared.ranking.filters import Allowed, Filters
from shared.ranking.query import Query
from shared.ranking.settings import DAY_S
from shared.ranking.state import RankingState
from shared.ranking.vectors.item_index import ItemIndex


class CandidateSettings(Settings):
    """How many items each source proposes.

    - `taste`: by the text of what was liked, taken together.
    - `last`: by the text of each of the `last_items` liked last.
    - `together`: what went together with the `together_items` liked last.
    - `popular`: the most popular now, and as many of the most popular for long.
    - `new`: of those younger than `new_s` the nearest to the taste.
    - `at_least`: if the sources propose fewer, the items that came last fill them up.
    """

    taste: int = Field(100, ge=0)
    last: int = Field(30, ge=0)
    last_items: int = Field(3, ge=1)
    together: int = Field(100, ge=0)
    together_items: int = Field(20, ge=1)
    popular: int = Field(50, ge=0)
    new: int = Field(20, ge=0)
    new_s: float = Field(14 * DAY_S, gt=0)
    at_least: int = Field(100, ge=0)


def candidates(
    query: Query,
    state: RankingState,
    index: ItemIndex | None,
    filters: Filters,
    settings: CandidateSettings,
) -> Int64s:
    """The rows of the items to rank, rising, each once; none if the filters leave none.

    Without an index the sources that read texts propose nothing.
    """
    allowed = Allowed(query, state, filters)
    taste, last = _tastes(query, state, settings.last_items)
    proposed = [
        _by_text(index, taste, settings.taste, allowed),
        _by_text(index, last, settings.last, allowed),
        _together(query, state, settings, allowed),
        _popular(state, settings, allowed),
        _new(query, state, settings, allowed, taste),
    ]
    rows = np.unique(np.concatenate(proposed))
    lacking = settings.at_least - len(rows)
    if lacking > 0:
        rest = np.setdiff1d(allowed.last(settings.at_least), rows)
        rows = np.union1d(rows, rest[max(len(rest) - lacking, 0) :])
    return rows


def _tastes(query: Query, state: RankingState, last_items: int) -> tuple[Float32s, Float32s]:
    """The taste [1 or 0, d] as a unit vector, and the vectors [l, d] of what was liked last."""
    past, shares = state.taste(query)
    with_vector = state.catalogue.has_vector[past.rows]
    liked = state.catalogue.vectors[past.rows[with_vector]]
    taste = shares[with_vector] @ liked
    length = float(np.linalg.norm(taste))
    if length < 1e-9:
        return liked[:0], liked[:0]
    return (taste / np.float32(length))[np.newaxis], liked[-last_items:]


def _by_text(index: ItemIndex | None, queries: Float32s, count: int, allowed: Allowed) -> Int64s:
    if index is None or not len(index) or not len(queries) or not count:
        return np.zeros(0, np.int64)
    if allowed.mask is None:
        rows, _ = index.search(queries, count + len(allowed.seen))
        return np.concatenate([allowed.among(found)[:count] for found in rows])
    rows, _ = index.search(queries, count, allowed.mask)
    return rows[rows >= 0]


def _together(
    query: Query, state: RankingState, settings: CandidateSettings, allowed: Allowed
) -> Int64s:
    past, shares = state.taste(query)
    past, shares = past.newest(settings.together_items), shares[-settings.together_items :]
    pairs = state.behaviour.cooccurrence
    factors = (shares / np.sqrt(pairs.support[past.rows] + 1.0)).tolist()
    rows, weights = pairs.around(past.rows.tolist(), factors)
    strengths = weights / np.sqrt(pairs.support[rows] + 1.0)
    return allowed.among(strongest(rows, strengths))[: settings.together]


def _popular(state: RankingState, settings: CandidateSettings, allowed: Allowed) -> Int64s:
    popularity = state.behaviour.popularity
    if allowed.in_category is None:
        rows = allowed.among(popularity.leaders())
    else:
        rows = allowed.among(allowed.in_category)
    # What is popular now, and what has been for long: the first and the last half-life.
    orders = (popularity.order(rows, half_life)[: settings.popular] for half_life in (0, -1))
    return np.unique(rows[np.concatenate(tuple(orders))])


def _new(
    query: Query,
    state: RankingState,
    settings: CandidateSettings,
    allowed: Allowed,
    taste: Float32s,
) -> Int64s:
    catalogue = state.catalogue
    rows = allowed.among(catalogue.newest(1_000))
    rows = rows[catalogue.first_seen_s[rows] > query.time_s - settings.new_s]
    if len(taste) and len(rows) > settings.new:
        nearest = np.argsort(-(catalogue.vectors[rows] @ taste[0]), kind="stable")
        rows = rows[nearest]
    return rows[: settings.new]
