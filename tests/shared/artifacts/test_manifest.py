import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from shared.artifacts.manifest import (
    MANIFEST_FILE,
    FilesManifest,
    check_files,
    read_manifest,
    seal,
)
from shared.errors import ArtifactError


class Pot(FilesManifest):
    colour: str
    size: float = Field(1.0, gt=0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_bytes(b"aaa")
    (tmp_path / "deep" / "b").write_bytes(b"bbb")
    seal(tmp_path, Pot(colour="grün"))
    return tmp_path


def test_a_manifest_is_read_back_as_it_was_written(folder: Path) -> None:
    manifest, sha256 = read_manifest(folder, Pot)

    assert (manifest.colour, sorted(manifest.files)) == ("grün", ["a", "deep/b"])
    assert read_manifest(folder, Pot, sha256=sha256) == (manifest, sha256)
    assert seal(folder, manifest) == sha256
    check_files(folder, manifest.files, remedy="")


def test_the_manifest_is_canonical_json_whatever_the_order_of_its_fields(folder: Path) -> None:
    content = (folder / MANIFEST_FILE).read_bytes()
    backwards = json.dumps(dict(reversed(json.loads(content).items())))
    assert Pot.model_validate_json(backwards).to_bytes() == content


@pytest.mark.parametrize("name", ["a", "deep/b"])
def test_a_flipped_bit_is_found(folder: Path, name: str) -> None:
    manifest, _ = read_manifest(folder, Pot)
    (folder / name).write_bytes(b"aca")
    with pytest.raises(ArtifactError, match=f"{name} is corrupt .*: bake it"):
        check_files(folder, manifest.files, remedy="bake it")


def test_missing_and_extra_files_are_named_together(folder: Path) -> None:
    manifest, _ = read_manifest(folder, Pot)
    (folder / "a").rename(folder / "c")
    with pytest.raises(ArtifactError, match="a is missing; c is not in the manifest"):
        check_files(folder, manifest.files, remedy="")


def test_a_link_is_refused(folder: Path) -> None:
    manifest, _ = read_manifest(folder, Pot)
    (folder / "a").unlink()
    (folder / "a").symlink_to("/etc/hostname")
    with pytest.raises(ArtifactError, match="is a link"):
        check_files(folder, manifest.files, remedy="")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"weight": 2}', b"\xff"])
def test_a_malformed_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / MANIFEST_FILE).write_bytes(content)
    with pytest.raises(ArtifactError, match="not a manifest that this version reads"):
        read_manifest(folder, Pot)


def test_another_manifest_or_none_is_found(folder: Path) -> None:
    _, sha256 = read_manifest(folder, Pot)
    seal(folder, Pot(colour="red"))
    with pytest.raises(ArtifactError, match="corrupt"):
        read_manifest(folder, Pot, sha256=sha256)
    (folder / MANIFEST_FILE).unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_manifest(folder, Pot)


def test_what_may_not_be_read_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="size"):
        seal(tmp_path, Pot(colour="red").model_copy(update={"size": -1.0}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/../../x", "a//b", "./a", "a\\b", "C:x", "", ".", "manifest.json"],
)
def test_a_file_name_that_leaves_the_folder_is_refused(folder: Path, name: str) -> None:
    values = json.loads((folder / MANIFEST_FILE).read_text())
    values["files"][name] = "0" * 64
    (folder / MANIFEST_FILE).write_text(json.dumps(values))
    with pytest.raises(ArtifactError, match="not a plain relative path"):
        read_manifest(folder, Pot)


@given(st.text(max_size=20))
def test_no_accepted_file_name_leaves_its_folder(name: str) -> None:
    try:
        Pot(colour="", files={name: "0" * 64})
    except ValidationError:
        return
    inside = Path("/bundles/one")
    assert (inside / name).resolve().is_relative_to(inside)
