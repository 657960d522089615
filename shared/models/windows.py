"""One answer for a long text from the windows that it was read in.

Notation of shapes: n tokens of the text, s tokens of a row, c numbers for each token.
"""

from collections.abc import Sequence

import numpy as np

from shared.models.rows import RowResult, Window
from shared.models.tasks import Float32s


def merge_windows(windows: Sequence[Window], results: Sequence[RowResult], n: int) -> Float32s:
    """What the windows of one text say of each of its tokens, float32 [n, c].

    `results` are [s, c], one for each window. A token that stands in several windows is taken from
    the one in which it has the most context on its poorer side; the text's own ends count as
    context without limit, since there is nothing beyond them.
    """
    merged = np.zeros((n, results[0].shape[1]), np.float32)
    most = np.full(n, -1.0)
    for window, result in zip(windows, results, strict=True):
        stop = window.start + window.tokens
        before = np.arange(window.tokens, dtype=np.float64)
        after = before[::-1].copy()
        if window.start == 0:
            before[:] = np.inf
        if stop == n:
            after[:] = np.inf
        context = np.minimum(before, after)
        better = context > most[window.start : stop]
        columns = result[window.column : window.column + window.tokens]
        merged[window.start : stop][better] = columns[better]
        most[window.start : stop][better] = context[better]
    return merged
