"""What a trained ranker reads of each item: its features, as they are and beside the other items.

Trees compare a value with thresholds, and what is much for one query is little for another; so each
feature also comes as its place between the least and the largest of the query's items. The blend's
score comes last, since a sum of many features is what trees find hardest to make.
"""

import numpy as np

from shared.ranking.arrays import Float32s
from shared.ranking.features.table import feature_names
from shared.ranking.rankers.blend import LinearBlend, scaled

_SCALED = "_here"
_BLEND = "blend"


def ranker_input_names() -> tuple[str, ...]:
    """The names of the 2f + 1 columns of `ranker_inputs`, in their order."""
    names = feature_names()
    return (*names, *(f"{name}{_SCALED}" for name in names), _BLEND)


def ranker_inputs(features: Float32s, blend: LinearBlend) -> Float32s:
    """The inputs [n, 2f + 1] for the features [n, f] of n items of one query.

    A feature that is not known stays NaN.
    """
    here, scores = scaled(features, unknown=np.nan), blend.score(features)
    inputs = np.concatenate((features, here, scores[:, np.newaxis]), 1)
    return inputs.astype(np.float32, copy=False)
