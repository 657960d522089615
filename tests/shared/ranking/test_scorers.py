"""The blend and the ranker."""

from pathlib import Path

import lightgbm
import numpy as np
import pytest

from shared.errors import ArtifactError, ConfigError
from shared.ranking.arrays import Float32s
from shared.ranking.features.table import feature_names
from shared.ranking.rankers.blend import BLEND_WEIGHTS, LinearBlend
from shared.ranking.rankers.inputs import ranker_input_names
from shared.ranking.rankers.ranker import LightGbmRanker
from shared.ranking.rankers.scorer import Scorer


def matrix(**columns: list[float]) -> Float32s:
    """Features that are unknown but for some columns."""
    count = len(next(iter(columns.values())))
    features = np.full((count, len(feature_names())), np.nan, np.float32)
    for name, values in columns.items():
        features[:, feature_names().index(name)] = values
    return features


def booster(names: list[str]) -> lightgbm.Booster:
    """A small model that prefers what has a large first feature."""
    rng = np.random.default_rng(0)
    features = rng.random((200, len(names)))
    data = lightgbm.Dataset(features, features[:, 0], feature_name=names)
    settings = {"objective": "regression", "verbosity": -1, "num_threads": 1}
    return lightgbm.train(settings, data, num_boost_round=5)


@pytest.fixture
def ranker(tmp_path: Path) -> LightGbmRanker:
    path = tmp_path / "model.txt"
    booster(list(ranker_input_names())).save_model(path)
    return LightGbmRanker.read(path)


def test_a_weight_is_what_the_best_gains() -> None:
    blend = LinearBlend({"popular_week": 2.0, "text_taste": 1.0, "item_age": -1.0})
    features = matrix(
        popular_week=[1.0, 3.0, 2.0], text_taste=[0.5, 0.5, 0.5], item_age=[0.0, np.nan, 4.0]
    )
    assert blend.score(features).tolist() == [0.0, 2.0, 0.0]


def test_what_is_not_known_counts_as_the_least() -> None:
    features = matrix(text_taste=[np.nan, -0.5, 0.5])
    assert LinearBlend({"text_taste": 1.0}).score(features).tolist() == [0.0, 0.0, 1.0]


def test_weights_are_of_features_that_exist() -> None:
    assert BLEND_WEIGHTS.keys() <= set(feature_names())
    with pytest.raises(ConfigError, match="'colour'"):
        LinearBlend({"colour": 1.0})


def test_a_ranker_scores_as_it_was_trained(ranker: LightGbmRanker) -> None:
    low, high, unknown = ranker.score(matrix(text_taste=[0.05, 0.95, np.nan])).tolist()
    assert high > low
    assert np.isfinite(unknown)


def test_scorers_score_nothing(ranker: LightGbmRanker) -> None:
    scorers: tuple[Scorer, ...] = (LinearBlend(), ranker)
    for scorer in scorers:
        scores = scorer.score(np.zeros((0, len(feature_names())), np.float32))
        assert scores.shape == (0,)
        assert scores.dtype == np.float32


def test_a_ranker_for_other_features_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    booster([*ranker_input_names()[1:], "colour"]).save_model(path)
    with pytest.raises(ArtifactError, match=r"colour.*retrain"):
        LightGbmRanker.read(path)


@pytest.mark.parametrize("content", [b"", b"nothing", b"\xff\xfe", None])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match="not a LightGBM model"):
        LightGbmRanker.read(path)
