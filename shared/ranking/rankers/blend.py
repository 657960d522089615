"""The scorer before there is a trained one: a weighted sum of features.

Each feature is brought to 0..1 among the items of the query (its least is 0, its largest 1; what is
not known counts as the least), so that a weight says how many points an item gains by being the
best of them in that feature. A feature in which all are equal decides nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from shared.errors import ConfigError
from shared.ranking.arrays import Float32s
from shared.ranking.features.table import feature_names

BLEND_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        # Chosen on the dev sets of pipelines.ranking: what goes on from the last liked items, by
        # behaviour and by text, and what has long been popular count alike. Means over the whole
        # taste, and shorter popularity, made at least one of the sets worse. Of what nobody met
        # yet the text counts twice, since nothing else is known of it.
        "sequence_next": 1.0,
        "sequence_text": 0.4,
        "text_nearest": 0.6,
        "text_unmet": 0.6,
        "popular_year": 1.0,
        "approval": 0.3,
        # The page says more than the past.
        "context_category": 1.0,
        "context_item": 0.6,
        "context_together": 0.6,
        # Between equals the newer one, and the usual price.
        "item_age": -0.05,
        "price_gap": -0.05,
    }
)


class LinearBlend:
    """Scores by weights of features; those that are not named weigh nothing."""

    def __init__(self, weights: Mapping[str, float] = BLEND_WEIGHTS) -> None:
        unknown = sorted(weights.keys() - set(feature_names()))
        if unknown:
            raise ConfigError(
                f"the blend weighs features that do not exist: {unknown}; there are "
                f"{list(feature_names())}"
            )
        self._weights = np.array([weights.get(name, 0.0) for name in feature_names()], np.float32)

    def score(self, features: Float32s) -> Float32s:
        """The weighted sums [n] of features [n, f]; what is not known counts as the least."""
        return scaled(features, unknown=0.0) @ self._weights


def scaled(features: Float32s, *, unknown: float) -> Float32s:
    """Each of n items' features [n, f] as its place between the items' least (0) and largest (1).

    0 where all are equal, `unknown` where nothing is known.
    """
    if not len(features):
        return features
    known = np.isfinite(features)
    least = np.where(known, features, np.inf).min(axis=0)
    most = np.where(known, features, -np.inf).max(axis=0)
    differs = np.isfinite(least) & (most > least)
    span = np.where(differs, most - least, 1.0)
    places = (features - np.where(np.isfinite(least), least, 0.0)) / span
    return np.where(known, np.where(differs, places, 0.0), unknown).astype(np.float32)
