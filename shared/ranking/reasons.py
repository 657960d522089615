"""Why an item is recommended, in words that its features bear out."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.behaviour.history import Past
from shared.ranking.behaviour.row_sums import RowSums
from shared.ranking.features.table import feature_names
from shared.ranking.query import Query
from shared.ranking.settings import DAY_S
from shared.ranking.state import RankingState

ReasonKind = Literal["because", "similar", "category", "context", "popular", "new"]

_DEEDS = {
    "purchase": "bought",
    "cart": "chose",
    "like": "like",
    "rating": "rated",
    "click": "looked at",
    "view": "looked at",
}
_OTHER_DEED = "chose"
_LIKED_READ = 10
_MIN_TOGETHER = 0.05
_MIN_COSINE = 0.5
_MIN_AFFINITY = 0.25
_POPULAR_PLACES = 100
_NEW_S = 14 * DAY_S


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason; `item` is the liked item that it names."""

    kind: ReasonKind
    text: str
    item: str | None = None


def reasons(
    query: Query, rows: Int64s, features: Float32s, state: RankingState
) -> list[tuple[Reason, ...]]:
    """The reasons for n items by their features [n, f], the strongest first; () if there is none.

    - because: it often goes together with one of the ten items liked last ("because you bought X");
    - similar: its text has a cosine of 0.5 and more with one of them;
    - category: a quarter and more of what was liked is of its category;
    - context: it is of the query's category;
    - popular: it is among the 100 most popular items, with at least one interaction that has not
      decayed; "this week" if popularity halves within a week, else "lately";
    - new: the first event that named it is at most 14 days old.
    """
    past = state.taste(query)[0].newest(_LIKED_READ)
    together = _together(past, rows, state)
    cosines = _cosines(past, rows, state)
    leaders = set(state.behaviour.popularity.leaders()[:_POPULAR_PLACES].tolist())
    column = {name: place for place, name in enumerate(feature_names())}
    week_s = state.settings.popularity_half_lives_s[0]
    popular = Reason("popular", f"popular {'this week' if week_s <= 7 * DAY_S else 'lately'}")
    found = []
    for place, row in enumerate(rows.tolist()):
        values = features[place]
        because = [
            _because(past, together[place], _MIN_TOGETHER, "because", state),
            _because(past, cosines[place], _MIN_COSINE, "similar", state),
        ]
        kept = [reason for reason in because if reason is not None][:1]
        if values[column["context_category"]] == 1.0:
            kept.append(Reason("context", "in the category that you look at"))
        elif values[column["category_best"]] >= _MIN_AFFINITY:
            name = _best_category(past, row, state)
            kept.append(Reason("category", f"in {name}, a category that you like"))
        if row in leaders and values[column["popular_week"]] >= np.log(2.0):
            kept.append(popular)
        if values[column["item_age"]] <= np.log1p(_NEW_S / DAY_S):
            kept.append(Reason("new", "new"))
        found.append(tuple(kept))
    return found


def _because(
    past: Past,
    strengths: Float32s,
    least: float,
    kind: Literal["because", "similar"],
    state: RankingState,
) -> Reason | None:
    if not len(strengths) or not (strengths >= least).any():
        return None
    place = int(np.argmax(strengths))
    liked = int(past.rows[place])
    item = state.catalogue.ids[liked]
    title = state.catalogue.titles[liked] or item
    deed = _DEEDS.get(state.behaviour.type_names[int(past.types[place])], _OTHER_DEED)
    if kind == "because":
        return Reason(kind, f"because you {deed} {title}", item)
    return Reason(kind, f"similar to {title}, which you {deed}", item)


def _together(past: Past, rows: Int64s, state: RankingState) -> Float32s:
    """For n items [n, h]: the cosine of their supports with each liked one; itself excluded."""
    pairs = state.behaviour.cooccurrence
    sums = RowSums(rows)
    together = np.zeros((len(rows), len(past)), np.float32)
    supports = np.sqrt(np.maximum(pairs.support[rows], 1.0))
    for place, liked in enumerate(past.rows.tolist()):
        share = 1.0 / max(float(np.sqrt(pairs.support[liked])), 1.0)
        together[:, place] = sums.of(*pairs.around((liked,), (share,))) / supports
    return together


def _cosines(past: Past, rows: Int64s, state: RankingState) -> Float32s:
    """For n items [n, h]: the cosines of their vectors; 0 without one, and with itself."""
    vectors = state.catalogue.vectors
    cosines: Float32s = vectors[rows] @ vectors[past.rows].T
    cosines[rows[:, np.newaxis] == past.rows] = 0.0
    return cosines


def _best_category(past: Past, row: int, state: RankingState) -> str:
    """Of an item's categories the one that the liked items have most often."""
    codes = state.catalogue.category_codes
    own: list[int] = [code for code in codes[row].tolist() if code >= 0]
    liked = codes[past.rows]
    best = max(own, key=lambda code: (int(np.count_nonzero(liked == code)), -code))
    return state.catalogue.categories[best]
