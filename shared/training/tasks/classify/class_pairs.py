"""Few labelled texts as contrastive pairs: texts of a class come near each other.

Notation of shapes: n texts, p pairs.
"""

import numpy as np
import numpy.typing as npt

from shared.training.data.arrays import Int64s, TokenArrays


def pairs_within(arrays: TokenArrays, each: int, seed: int) -> TokenArrays:
    """Each text `each` times beside another one of its class, drawn by chance.

    The rows' targets are their classes. So a batch's pool of documents, which holds every target
    once (see `embed.contrastive`), has one text of each class: those of other classes
    are the negatives, and a text of the same class never is one.

    Source: https://arxiv.org/abs/2209.11055 (SetFit), whose loss looks at pairs alone.
    """
    generator = np.random.default_rng(seed)
    firsts = np.tile(np.arange(len(arrays)), each)
    seconds = np.empty_like(firsts)
    for label in np.unique(arrays.targets):
        own = np.flatnonzero(arrays.targets == label)
        places = np.flatnonzero(arrays.targets[firsts] == label)
        # A step around the circle of the class's texts never ends where it began.
        steps = generator.integers(1, max(len(own), 2), size=len(places))
        seconds[places] = own[(np.searchsorted(own, firsts[places]) + steps) % len(own)]
    return _paired(arrays, firsts, arrays, seconds)


def pairs_across(queries: TokenArrays, texts: TokenArrays, seed: int) -> TokenArrays:
    """Each of `queries` beside a text of its class from `texts`, the same one for a whole class."""
    order = np.random.default_rng(seed).permutation(len(texts))
    labels, first = np.unique(texts.targets[order], return_index=True)
    seconds = order[first][np.searchsorted(labels, queries.targets)]
    return _paired(queries, np.arange(len(queries)), texts, seconds)


def _paired(
    arrays: TokenArrays, firsts: Int64s, others: TokenArrays, seconds: Int64s
) -> TokenArrays:
    rows: list[npt.NDArray[np.int32]] = []
    for first, second in zip(firsts, seconds, strict=True):
        rows += [_row(arrays, first), _row(others, second)]
    targets = np.repeat(arrays.targets[firsts], 2)
    return TokenArrays.of(rows, targets.tolist(), rows_per_example=2)


def _row(arrays: TokenArrays, index: int) -> npt.NDArray[np.int32]:
    return arrays.tokens[arrays.offsets[index] : arrays.offsets[index + 1]]
