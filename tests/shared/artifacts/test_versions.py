from pathlib import Path

import pytest

from shared.artifacts.manifest import FilesManifest
from shared.artifacts.versions import VersionedFolder
from shared.errors import ArtifactError, ConflictError
from shared.files import locked


class Note(FilesManifest):
    number: int


def write(root: Path, name: str, number: int = 1) -> None:
    def write_files(folder: Path) -> Note:
        (folder / "text").write_text(f"note {number}")
        return Note(number=number)

    VersionedFolder(root, Note).write(name, write_files)


def read(root: Path) -> tuple[int, str] | None:
    return VersionedFolder(root, Note).read(
        lambda folder, manifest: (manifest.number, (folder / "text").read_text())
    )


def test_the_newest_is_read_and_the_older_ones_are_deleted(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two", 2)

    assert read(tmp_path) == (2, "note 2")
    assert VersionedFolder(tmp_path, Note).manifest() is not None
    assert {path.name for path in tmp_path.iterdir()} == {"CURRENT", "two", ".lock"}


def test_where_none_was_written_there_is_none(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert read(nowhere) is None
    assert VersionedFolder(nowhere, Note).manifest() is None
    assert not nowhere.exists()


def test_what_is_written_is_immutable(tmp_path: Path) -> None:
    write(tmp_path, "one")
    with pytest.raises(ArtifactError, match="immutable"):
        write(tmp_path, "one", 2)
    assert read(tmp_path) == (1, "note 1")


def test_a_failing_writer_leaves_the_version_before(tmp_path: Path) -> None:
    write(tmp_path, "one")

    def fail(folder: Path) -> Note:
        (folder / "text").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        VersionedFolder(tmp_path, Note).write("two", fail)
    assert read(tmp_path) == (1, "note 1")
    assert {path.name for path in tmp_path.iterdir()} == {"CURRENT", "one", ".lock"}


@pytest.mark.parametrize("number", [1, 2])
def test_a_version_may_keep_its_place(tmp_path: Path, number: int) -> None:
    write(tmp_path, "one")

    wrote = VersionedFolder(tmp_path, Note).write(
        "two", lambda _: Note(number=5), may_replace=lambda newest: newest.number == number
    )

    assert wrote == (number == 1)
    newest = VersionedFolder(tmp_path, Note).manifest()
    assert newest is not None
    assert newest.number == (5 if wrote else 1)


def test_one_that_cannot_be_read_never_keeps_its_place(tmp_path: Path) -> None:
    write(tmp_path, "one")
    (tmp_path / "one" / "manifest.json").unlink()
    VersionedFolder(tmp_path, Note).write(
        "two", lambda _: Note(number=2), may_replace=lambda _: False
    )
    newest = VersionedFolder(tmp_path, Note).manifest()
    assert newest is not None
    assert newest.number == 2


@pytest.mark.parametrize("file", ["manifest.json", "text"])
def test_a_flipped_bit_is_found(tmp_path: Path, file: str) -> None:
    write(tmp_path, "one")
    path = tmp_path / "one" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(ArtifactError, match="corrupt"):
        read(tmp_path)


def test_a_missing_file_is_found(tmp_path: Path) -> None:
    write(tmp_path, "one")
    (tmp_path / "one" / "text").unlink()

    with pytest.raises(ArtifactError, match="text is missing: it has to be rebuilt"):
        read(tmp_path)


@pytest.mark.parametrize("pointer", ["", "gone 00", "one", "../../etc 00", "\x00 00"])
def test_a_pointer_to_nothing_is_found(tmp_path: Path, pointer: str) -> None:
    write(tmp_path, "one")
    (tmp_path / "CURRENT").write_text(pointer)

    with pytest.raises(ArtifactError):
        read(tmp_path)
    with pytest.raises(ArtifactError):
        VersionedFolder(tmp_path, Note).manifest()


def test_a_pointer_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "CURRENT").mkdir()
    with pytest.raises(ArtifactError, match="CURRENT cannot be read"):
        read(tmp_path)


def test_none_is_deleted_while_another_process_reads_it(tmp_path: Path) -> None:
    write(tmp_path, "one")

    def read_files(folder: Path, manifest: Note) -> int:
        with pytest.raises(ConflictError), locked(tmp_path / ".lock", refusal="is read"):
            pass
        with locked(tmp_path / ".lock", shared=True, refusal="is written"):
            return manifest.number

    assert VersionedFolder(tmp_path, Note).read(read_files) == 1
