"""Trains the ranker on the earlier queries, stopped by the later ones.

LightGBM learns LambdaMART.

Source: Burges, "From RankNet to LambdaRank to LambdaMART", MSR-TR-2010-82.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np

from pipelines.ranking.replay import LabelledQuery, ReplayedQueries
from pipelines.ranking.train_settings import TrainSettings
from shared.ranking.rankers.blend import LinearBlend
from shared.ranking.rankers.inputs import ranker_input_names, ranker_inputs
from shared.ranking.rankers.ranker import LightGbmRanker

_K = 10


@dataclass(frozen=True, slots=True)
class Trained:
    """A model: its trees as text, and how many rounds of them there are."""

    trees: str
    rounds: int
    training_queries: int

    @property
    def ranker(self) -> LightGbmRanker:
        """The model, ready to score."""
        return LightGbmRanker(lightgbm.Booster(model_str=self.trees))


def fit(queries: ReplayedQueries, settings: TrainSettings) -> Trained:
    """Trains on the early queries until the later ones are ordered no better."""
    early, later = (_dataset(part) for part in (queries.early, queries.later))
    booster = lightgbm.train(
        {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [_K],
            "num_leaves": settings.leaves,
            "min_data_in_leaf": settings.smallest_leaf,
            "learning_rate": settings.learning_rate,
            "feature_fraction": 0.7,
            "lambdarank_truncation_level": 20,
            "num_threads": settings.threads,
            "seed": settings.seed,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        },
        early,
        num_boost_round=settings.rounds,
        valid_sets=[later],
        callbacks=[lightgbm.early_stopping(settings.patience, verbose=False)],
    )
    trees = booster.model_to_string(num_iteration=booster.best_iteration)
    return Trained(trees, int(booster.best_iteration), len(queries.early))


def _dataset(part: Sequence[LabelledQuery]) -> lightgbm.Dataset:
    blend = LinearBlend()
    return lightgbm.Dataset(
        np.concatenate([ranker_inputs(query.features, blend) for query in part]),
        np.concatenate([query.labels for query in part]),
        group=np.array([len(query.labels) for query in part]),
        feature_name=list(ranker_input_names()),
    )
