"""What recommended lists are like beside being right: how broad, how varied, how popular.

Notation of shapes: q lists, k places, n items, d the width of vectors. A list holds places of items
in the catalogue, and -1 where it is shorter.
"""

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]


def coverage(lists: Int64s, item_count: int) -> float:
    """The share of the catalogue's n items that stand in any of the lists [q, k], in 0..1."""
    if item_count < 1:
        raise ValueError(f"{item_count} items: the coverage of an empty catalogue is not defined")
    return len(np.unique(lists[lists >= 0])) / item_count


def intra_list_distance(lists: Int64s, vectors: Float32s) -> Float64s:
    """One minus the mean cosine of each list's pairs [q], in 0..2; 0 for lists of one item.

    `vectors` [n, d] have unit length. An item without a vector (zeros) is as far from every other
    as unrelated ones are: 1.
    Source: Ziegler et al., "Improving recommendation lists through topic diversification", WWW
    2005, section 3.
    """
    distances = np.zeros(len(lists))
    for number, places in enumerate(lists):
        items = places[places >= 0]
        if len(items) > 1:
            own = vectors[items].astype(np.float64)
            similar = float((own.sum(axis=0) ** 2).sum() - (own * own).sum())
            distances[number] = 1.0 - similar / (len(items) * (len(items) - 1))
    return distances


def popularity_lift(lists: Int64s, counts: npt.ArrayLike, chosen: Int64s) -> float:
    """How much more popular the recommended items are than the chosen ones; 0 is alike.

    The mean of `counts` [n] over all places of the lists [q, k], over their mean over what people
    chose [m], less 1.
    Source: Abdollahpouri et al., "The unfairness of popularity bias in recommendation", 2019.

    Raises:
        ValueError: nothing was chosen, or nothing chosen was ever counted.
    """
    popularity = np.asarray(counts, np.float64)
    usual = float(popularity[chosen].mean()) if len(chosen) else 0.0
    if usual <= 0.0:
        raise ValueError("what was chosen has no counts: the lift over them is not defined")
    recommended = lists[lists >= 0]
    if not len(recommended):
        return -1.0
    return float(popularity[recommended].mean()) / usual - 1.0
