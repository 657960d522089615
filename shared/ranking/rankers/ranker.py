"""A trained ranker: LightGBM's trees, as text and never as a pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from shared.errors import ArtifactError
from shared.ranking.arrays import Float32s
from shared.ranking.rankers.blend import BLEND_WEIGHTS, LinearBlend
from shared.ranking.rankers.inputs import ranker_input_names, ranker_inputs

if TYPE_CHECKING:
    import lightgbm


class LightGbmRanker:
    """Scores by a model that was trained on exactly the features of this version.

    `blend` holds the weights of the blend whose score it was trained on.
    """

    def __init__(
        self, booster: "lightgbm.Booster", blend: Mapping[str, float] = BLEND_WEIGHTS
    ) -> None:
        names = tuple(booster.feature_name())
        expected = ranker_input_names()
        if names != expected:
            gone = [name for name in names if name not in expected]
            new = [name for name in expected if name not in names]
            raise ArtifactError(
                f"the ranker was trained on other features, or in another order, than this version "
                f"computes: without {new}, and on {gone}, which this version does not have: "
                "retrain with `banyan recommend train`"
            )
        self._booster = booster
        self._blend = LinearBlend(blend)

    @classmethod
    def read(cls, path: Path, blend: Mapping[str, float] = BLEND_WEIGHTS) -> Self:
        """Reads a model file; the caller has verified its hash.

        Raises:
            ArtifactError: it cannot be read, is not a model, or was trained on other features.
            ConfigError: the blend weighs features that do not exist.
        """
        # It brings pandas and scikit-learn, seconds of start: only who has a trained ranker pays.
        import lightgbm

        try:
            text = path.read_text("utf-8")
            booster = lightgbm.Booster(model_str=text)
        except (OSError, UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
            raise ArtifactError(
                f"{path} is not a LightGBM model: {error}: retrain with `banyan recommend train`"
            ) from error
        return cls(booster, blend)

    def score(self, features: Float32s) -> Float32s:
        """The trees' sums [n] for features [n, f]."""
        if not len(features):
            return np.zeros(0, np.float32)
        # One thread: a query has some hundred rows, and queries come at once.
        scores = self._booster.predict(ranker_inputs(features, self._blend), num_threads=1)
        return np.asarray(scores, np.float32)
