from pathlib import Path

import lightgbm
import numpy as np
import pytest

from shared.artifacts.aliases import CHAMPION
from shared.artifacts.promotion import roll_back
from shared.errors import ArtifactError, ConflictError, InputError, NotFoundError
from shared.ranking.features.table import feature_names
from shared.ranking.rankers.blend import BLEND_WEIGHTS, LinearBlend
from shared.ranking.rankers.bundle import (
    RANKER,
    RANKER_FILE,
    RankerBundle,
    RankerManifest,
    check_model_name,
)
from shared.ranking.rankers.inputs import ranker_input_names, ranker_inputs
from shared.ranking.rankers.registry import BLEND, Rankers, open_rankers, read_scorer


def trees(names: list[str]) -> str:
    features = np.random.default_rng(0).normal(size=(100, len(names)))
    data = lightgbm.Dataset(features, features[:, 0], feature_name=names)
    booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 5}, data, num_boost_round=2)
    return str(booster.model_to_string())


@pytest.fixture(scope="module")
def text() -> str:
    return trees(list(ranker_input_names()))


def write(
    registry: Rankers, text: str, model: str = "default", command: str = "a test"
) -> RankerBundle:
    manifest = RankerManifest(
        model=model,
        features=ranker_input_names(),
        blend=BLEND_WEIGHTS,
        data_fingerprint="0" * 64,
        metrics={},
        settings={},
        command=command,
        created_at="2026-01-05T08:00:00+00:00",
    )

    def write_files(folder: Path) -> None:
        (folder / RANKER_FILE).write_text(text)

    return registry.write(manifest, write_files)


def test_a_bundle_is_known_by_its_content(tmp_path: Path, text: str) -> None:
    registry = open_rankers(tmp_path)
    one = write(registry, text)
    assert write(registry, text) == one
    assert write(registry, text, command="another").id != one.id
    assert registry.bundle(one.id) == one
    features = np.zeros((3, len(feature_names())), np.float32)
    assert read_scorer(registry, one.id).score(features).shape == (3,)


@pytest.mark.parametrize(
    ("name", "fault"), [("ranker.txt", "corrupt"), ("manifest.json", "its manifest was changed")]
)
def test_another_byte_is_corrupt(tmp_path: Path, text: str, name: str, fault: str) -> None:
    registry = open_rankers(tmp_path)
    bundle = write(registry, text)
    path = bundle.folder / name
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ArtifactError, match=fault):
        registry.set_alias("default", CHAMPION, bundle.id)
    path.unlink()
    with pytest.raises(ArtifactError, match=r"cannot be read|is missing"):
        registry.bundle(bundle.id)
    assert registry.named("default") is None


def test_a_ranker_is_one_file(tmp_path: Path, text: str) -> None:
    bundle = write(open_rankers(tmp_path), text)
    with pytest.raises(ArtifactError, match=r"holds \[\], expected ranker.txt"):
        RANKER.write(tmp_path, bundle.manifest, lambda folder: None)


def test_what_cannot_serve_gets_no_alias(tmp_path: Path, text: str) -> None:
    registry = open_rankers(tmp_path)
    other = write(registry, text, model="other")
    with pytest.raises(ConflictError, match="is for the model other"):
        registry.set_alias("default", CHAMPION, other.id)
    old = trees(["a", "b"])
    with pytest.raises(ArtifactError, match="was trained on other features"):
        registry.set_alias("default", CHAMPION, write(registry, old).id)
    for unknown in ("default@000000000000", "../default@000000000000", "default"):
        with pytest.raises(NotFoundError):
            registry.set_alias("default", CHAMPION, unknown)
    assert registry.aliases() == {}


def test_before_the_first_ranker_is_the_blend(tmp_path: Path, text: str) -> None:
    registry = open_rankers(tmp_path)
    with pytest.raises(NotFoundError, match="the model default has no champion"):
        roll_back(registry, "default", command="a test", at_s=0.0)
    bundle = write(registry, text)
    registry.set_alias("default", CHAMPION, bundle.id)

    assert roll_back(registry, "default", command="a test", at_s=0.0) == (bundle.id, BLEND)
    assert registry.resolve("default") == BLEND
    assert isinstance(read_scorer(registry, BLEND), LinearBlend)
    assert roll_back(registry, "default", command="a test", at_s=1.0) == (BLEND, bundle.id)


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
