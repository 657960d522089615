from pathlib import Path

import lightgbm
import numpy as np
import pytest

from shared.artifacts.aliases import CHAMPION
from shared.errors import ArtifactError, ConflictError, InputError, NotFoundError
from shared.ranking.features.table import feature_names
from shared.ranking.rankers.blend import BLEND_WEIGHTS, LinearBlend
from shared.ranking.rankers.bundle import RankerManifest, check_model_name, files_of
from shared.ranking.rankers.inputs import ranker_input_names, ranker_inputs
from shared.ranking.rankers.registry import RankerRegistry


def trees(names: list[str]) -> str:
    features = np.random.default_rng(0).normal(size=(100, len(names)))
    data = lightgbm.Dataset(features, features[:, 0], feature_name=names)
    booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 5}, data, num_boost_round=2)
    return str(booster.model_to_string())


@pytest.fixture(scope="module")
def text() -> str:
    return trees(list(ranker_input_names()))


def manifest(text: str, model: str = "default", command: str = "a test") -> RankerManifest:
    return RankerManifest(
        model=model,
        features=ranker_input_names(),
        blend=BLEND_WEIGHTS,
        data_fingerprint="0" * 64,
        metrics={},
        settings={},
        command=command,
        created_at="2026-01-05T08:00:00+00:00",
        files=files_of(text),
    )


def test_a_bundle_is_known_by_its_content(tmp_path: Path, text: str) -> None:
    registry = RankerRegistry(tmp_path)
    one = registry.add(manifest(text), text)
    assert registry.add(manifest(text), text) == one
    assert registry.add(manifest(text, command="another"), text).id != one.id
    assert registry.bundle(one.id) == one
    features = np.zeros((3, len(feature_names())), np.float32)
    assert registry.scorer(one.id).score(features).shape == (3,)


@pytest.mark.parametrize("name", ["ranker.txt", "manifest.json"])
def test_another_byte_is_corrupt(tmp_path: Path, text: str, name: str) -> None:
    registry = RankerRegistry(tmp_path)
    bundle = registry.add(manifest(text), text)
    path = bundle.folder / name
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ArtifactError, match="corrupt"):
        registry.set_alias("default", CHAMPION, bundle.id)
    path.unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        registry.bundle(bundle.id)
    assert registry.named("default") is None


def test_what_cannot_serve_gets_no_alias(tmp_path: Path, text: str) -> None:
    registry = RankerRegistry(tmp_path)
    other = registry.add(manifest(text, model="other"), text)
    with pytest.raises(ConflictError, match="another model"):
        registry.set_alias("default", CHAMPION, other.id)
    old = trees(["a", "b"])
    with pytest.raises(ArtifactError, match="was trained on other features"):
        registry.set_alias("default", CHAMPION, registry.add(manifest(old), old).id)
    for unknown in ("default@000000000000", "../default@000000000000", "default"):
        with pytest.raises(NotFoundError):
            registry.set_alias("default", CHAMPION, unknown)
    with pytest.raises(NotFoundError, match="nothing to roll back to"):
        registry.roll_back("default")
    assert registry.aliases("default") == {}


def test_a_model_s_name_is_no_path() -> None:
    assert check_model_name("default-2") == "default-2"
    for name in ("", "../up", "A", "a" * 64):
        with pytest.raises(InputError, match="a-z"):
            check_model_name(name)


def test_inputs_say_how_an_item_stands_beside_the_others() -> None:
    names = ranker_input_names()
    features = np.full((3, len(feature_names())), np.nan, np.float32)
    features[:, 0] = (2.0, 4.0, 3.0)
    features[:, 1] = 7.0
    features[:2, 2] = (-1.0, 1.0)

    inputs = ranker_inputs(features, LinearBlend())

    assert inputs.shape == (3, len(names))
    first, second, third = (names.index(f"{name}_here") for name in feature_names()[:3])
    np.testing.assert_array_equal(inputs[:, first], [0.0, 1.0, 0.5])
    np.testing.assert_array_equal(inputs[:, second], [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(inputs[:, third], [0.0, 1.0, np.nan])
    np.testing.assert_array_equal(inputs[:, : len(feature_names())], features)
    np.testing.assert_array_equal(inputs[:, -1], LinearBlend().score(features))
    assert ranker_inputs(features[:0], LinearBlend()).shape == (0, len(names))
