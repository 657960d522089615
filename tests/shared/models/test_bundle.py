import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.artifacts.manifest import MANIFEST_FILE
from shared.errors import ArtifactError
from shared.metrics.metric import STORED
from shared.models.bundle import (
    ADAPTER_WEIGHTS_FILE,
    HEAD_FILE,
    MODEL,
    Calibration,
    Manifest,
    Method,
    own_backbone_sha256,
)
from shared.models.source import weights_sha256
from shared.models.tasks import TaskKind
from tests.shared.models.made import full_files, lora_bundle, lora_files, manifest


def test_a_bundle_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = lora_bundle(tmp_path)
    assert MODEL.read(written.folder) == written
    assert written.folder == tmp_path / "intent" / written.id.removeprefix("intent@")
    assert set(written.manifest.files) == {
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "head.safetensors",
    }


@pytest.mark.parametrize("name", [HEAD_FILE, ADAPTER_WEIGHTS_FILE])
def test_a_flipped_bit_is_found(tmp_path: Path, name: str) -> None:
    folder = lora_bundle(tmp_path).folder
    content = bytearray((folder / name).read_bytes())
    content[3] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=f"{name} is corrupt"):
        MODEL.read(folder)


def test_only_a_bias_that_says_something_stands_in_the_manifest() -> None:
    plain = manifest().model_copy(update={"calibration": Calibration(temperature=2.0)})
    assert json.loads(plain.to_bytes())["calibration"] == {"temperature": 2.0}
    calibration = Calibration(temperature=2.0, no_answer_bias=-1.5)
    biased = manifest().model_copy(update={"calibration": calibration})
    assert Manifest.model_validate_json(biased.to_bytes()) == biased


def test_a_metric_outside_of_its_interval_is_read_and_never_written(tmp_path: Path) -> None:
    metrics = {"ece_after": {"value": 0.0117, "low": 0.0131, "high": 0.0340, "n": 1432}}
    values = json.loads(manifest().to_bytes()) | {"metrics": metrics}
    odd = Manifest.model_validate(values, context=STORED)

    with pytest.raises(ArtifactError, match=r"metrics\.ece_after: .*outside of its interval"):
        MODEL.write(tmp_path, odd, lora_files())
    assert not list(tmp_path.rglob(MANIFEST_FILE))

    # As an earlier version wrote it.
    folder = lora_bundle(tmp_path).folder
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metrics": metrics}))
    assert MODEL.read(folder).manifest.metrics["ece_after"].low == 0.0131


@pytest.mark.parametrize("task", ["../x", "", "a/b", "A", "-a", "a@b", ".a", "a" * 64])
def test_a_task_name_that_is_no_folder_name_is_refused(task: str) -> None:
    with pytest.raises(ValidationError, match="task"):
        manifest(task)


@pytest.mark.parametrize(
    ("kind", "method", "labels", "reason"),
    [
        (TaskKind.CLASSIFY, Method.NONE, ("a", "b"), "method none gives no head"),
        (TaskKind.CLASSIFY, Method.LORA, ("a",), "at least 2 labels, found 1"),
        (TaskKind.CLASSIFY, Method.LORA, ("a", "a"), "a label stands twice"),
        (TaskKind.TAG, Method.LORA, (), "at least 1 labels, found 0"),
        (TaskKind.SPAN, Method.LORA, ("a", "b"), "kind span has no labels"),
        (TaskKind.EMBED, Method.LORA, (), "head.safetensors has no meaning"),
        (TaskKind.EMBED, Method.HEAD, (), "kind embed has no head"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    tmp_path: Path, kind: TaskKind, method: Method, labels: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(ArtifactError, match=reason):
        MODEL.write(tmp_path, manifest("intent", kind, method, labels), lora_files())


def test_an_adapter_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"adapter_config.json is missing"):
        MODEL.write(tmp_path, manifest(), lambda folder: None)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_backbone_of_its_own_that_is_incomplete_is_refused(tmp_path: Path, name: str) -> None:
    def write(folder: Path) -> None:
        full_files()(folder)
        (folder / "backbone" / name).unlink()

    with pytest.raises(ArtifactError, match=r"backbone/ holds no (\w+)?\.\w+"):
        MODEL.write(tmp_path, manifest(method=Method.FULL), write)


@pytest.mark.parametrize(
    ("method", "write", "folder"),
    [
        (Method.HEAD, lora_files(), "adapter/"),
        (Method.FULL, lora_files(), "adapter/"),
        (Method.LORA, full_files(), "backbone/"),
        (Method.HEAD, full_files(), "backbone/"),
    ],
)
def test_the_files_of_another_method_are_refused(
    tmp_path: Path, method: Method, write: Callable[[Path], None], folder: str
) -> None:
    with pytest.raises(ArtifactError, match=f"{folder} has no meaning for method {method}"):
        MODEL.write(tmp_path, manifest(method=method), write)


def test_a_full_bundle_says_which_backbone_it_is(tmp_path: Path) -> None:
    assert own_backbone_sha256(lora_bundle(tmp_path).manifest) is None
    dense = {"backbone/2_Dense/model.safetensors": "dense"}
    for more in ({}, dense):
        bundle = MODEL.write(tmp_path, manifest(method=Method.FULL), full_files(more=more))
        assert own_backbone_sha256(bundle.manifest) == weights_sha256(bundle.folder / "backbone")
