import json
import subprocess
import sys
from pathlib import Path

import pytest

from shared.config import load
from shared.errors import ArtifactError, ConfigError, DependencyError
from shared.models.source import EMBEDDED_SHA256, BackboneConfig, locate, weights_sha256


def _folder(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_the_embedded_backbone_is_the_trusted_one() -> None:
    assert locate(BackboneConfig()).sha256 == EMBEDDED_SHA256


def test_other_embedded_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.models.source.EMBEDDED_SHA256", "0" * 64)
    with pytest.raises(ArtifactError, match="expected 0000"):
        locate(BackboneConfig())


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"source": "owner/model"}, "needs a commit of 40"),
        ({"source": "owner/model", "revision": "main"}, "needs a commit of 40"),
        ({"source": "owner/model", "revision": "A" * 40}, "needs a commit of 40"),
        ({"source": "model"}, "neither embedded, nor a folder"),
        ({"source": "./model", "revision": "a" * 40}, "revision belongs to a Hugging Face name"),
        ({"precision": "int8"}, "precision"),
    ],
)
def test_a_source_that_is_not_pinned_is_a_fault_of_the_configuration(
    values: dict[str, str], fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault):
        load(BackboneConfig, environ={}, values=values)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="nothing does not exist"):
        locate(BackboneConfig(source=str(tmp_path / "nothing")))


def test_a_folder_without_weights_or_tokenizer_is_refused(tmp_path: Path) -> None:
    config = BackboneConfig(source=str(tmp_path))
    with pytest.raises(ArtifactError, match=r"no \*.safetensors"):
        locate(config)
    _folder(tmp_path, "model.safetensors")
    with pytest.raises(ArtifactError, match="only fast tokenizers"):
        locate(config)


@pytest.mark.parametrize(
    "names", [("pytorch_model.bin",), ("model.safetensors", "2_Dense/pytorch_model.bin")]
)
def test_pickled_weights_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ArtifactError, match="is a pickle, which can run code"):
        weights_sha256(_folder(tmp_path, *names))


def test_pickles_beside_safetensors_are_left_unread(tmp_path: Path) -> None:
    assert weights_sha256(_folder(tmp_path, "model.safetensors", "pytorch_model.bin"))


def test_code_that_comes_with_a_model_is_refused(tmp_path: Path) -> None:
    _folder(tmp_path, "model.safetensors", "tokenizer.json")
    (tmp_path / "modules.json").write_text(json.dumps([{"type": "custom.Evil", "path": ""}]))
    with pytest.raises(ArtifactError, match=r"names custom.Evil: code that comes with"):
        locate(BackboneConfig(source=str(tmp_path)))


def test_the_identity_of_several_files_changes_with_each_and_not_with_their_order(
    tmp_path: Path,
) -> None:
    first = weights_sha256(_folder(tmp_path / "x", "a.safetensors", "b.safetensors"))
    (tmp_path / "x" / "a.safetensors").write_text("b.safetensors")
    (tmp_path / "x" / "b.safetensors").write_text("a.safetensors")
    assert weights_sha256(tmp_path / "x") == first
    (tmp_path / "x" / "b.safetensors").write_text("c")
    assert weights_sha256(tmp_path / "x") != first


def test_a_hub_name_is_fetched_at_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = BackboneConfig(source="owner/model", revision="a" * 40)
    _folder(tmp_path, "model.safetensors", "tokenizer.json")
    asked: list[tuple[str, str]] = []

    def fetch(name: str, *, revision: str, allow_patterns: list[str]) -> str:
        asked.append((name, revision))
        assert not any(pattern.endswith((".py", ".bin", "*")) for pattern in allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert locate(config).name == f"owner/model@{'a' * 40}"
    assert asked == [("owner/model", "a" * 40)]


def test_a_hub_that_does_not_answer_is_a_dependency(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, **options: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(DependencyError, match="no network; check the name"):
        locate(BackboneConfig(source="owner/model", revision="a" * 40))


def test_reading_the_configuration_needs_no_torch() -> None:
    code = "import sys, shared.models.source; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
