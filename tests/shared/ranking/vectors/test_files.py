"""Vector indexes on disk: read as written, or refused."""

from pathlib import Path

import numpy as np
import pytest

from shared.errors import ArtifactError
from shared.ranking.vectors import files as vector_files
from shared.ranking.vectors.files import load_vectors, save_vectors
from shared.ranking.vectors.index import VectorIndex, VectorSettings
from tests.shared.ranking.vectors.test_index import IN_LISTS, unit

BUNDLE = "embed@1"


@pytest.fixture(params=[VectorSettings(), IN_LISTS], ids=["exact", "lists"])
def index(request: pytest.FixtureRequest) -> VectorIndex:
    made = VectorIndex.build(unit(200), request.param)
    made.add(unit(10, seed=2))
    made.replace(3, unit(1, seed=3)[0])
    return made


def save(index: VectorIndex, root: Path, name: str = "one") -> None:
    save_vectors(index, root, name, bundle=BUNDLE, source="items of today")


def test_an_index_is_read_as_it_was_written(tmp_path: Path, index: VectorIndex) -> None:
    save(index, tmp_path)

    stored = load_vectors(tmp_path)

    assert stored is not None
    assert (stored.manifest.bundle, stored.manifest.source) == (BUNDLE, "items of today")
    assert (len(stored.index), stored.index.width) == (210, index.width)
    rows, scores = index.search(unit(9, seed=4), 50)
    read_rows, read_scores = stored.index.search(unit(9, seed=4), 50)
    assert np.array_equal(read_rows, rows)
    assert np.array_equal(read_scores, scores)


def test_an_index_that_was_read_takes_writes(tmp_path: Path, index: VectorIndex) -> None:
    save(index, tmp_path)
    stored = load_vectors(tmp_path)
    assert stored is not None

    for each in (index, stored.index):
        each.replace(3, unit(1, seed=7)[0])
        each.replace(4, unit(1, seed=8)[0])
        each.add(unit(2, seed=9))

    queries = unit(5, seed=10)
    assert np.array_equal(stored.index.search(queries, 50)[0], index.search(queries, 50)[0])


def test_an_empty_index_can_be_kept(tmp_path: Path) -> None:
    save(VectorIndex.build(np.zeros((0, 8), np.float32)), tmp_path)

    stored = load_vectors(tmp_path)

    assert stored is not None
    assert (len(stored.index), stored.index.width) == (0, 8)


def test_only_the_newest_is_kept(tmp_path: Path, index: VectorIndex) -> None:
    save(index, tmp_path)
    index.add(unit(1))
    save(index, tmp_path, "two")

    stored = load_vectors(tmp_path)

    assert stored is not None
    assert len(stored.index) == 211
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CURRENT", "two"]


def test_where_none_was_written_there_is_none(tmp_path: Path) -> None:
    assert load_vectors(tmp_path / "nowhere") is None


def test_what_is_written_is_immutable(tmp_path: Path, index: VectorIndex) -> None:
    save(index, tmp_path)

    with pytest.raises(ArtifactError, match="immutable"):
        save(index, tmp_path)


@pytest.mark.parametrize("file", ["manifest.json", "built.faiss", "fresh.faiss", "rows.npz"])
def test_a_flipped_bit_is_found(tmp_path: Path, index: VectorIndex, file: str) -> None:
    save(index, tmp_path)
    path = tmp_path / "one" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(ArtifactError, match="corrupt"):
        load_vectors(tmp_path)


def test_a_missing_file_is_found(tmp_path: Path, index: VectorIndex) -> None:
    save(index, tmp_path)
    (tmp_path / "one" / "built.faiss").unlink()

    with pytest.raises(ArtifactError, match="cannot be read"):
        load_vectors(tmp_path)


@pytest.mark.parametrize("pointer", ["", "gone 00", "one", "../../etc 00", "\x00 00"])
def test_a_pointer_to_nothing_is_found(tmp_path: Path, index: VectorIndex, pointer: str) -> None:
    save(index, tmp_path)
    (tmp_path / "CURRENT").write_text(pointer)

    with pytest.raises(ArtifactError):
        load_vectors(tmp_path)


def test_an_index_of_another_format_is_refused(
    tmp_path: Path, index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(index, tmp_path)
    monkeypatch.setattr(vector_files, "_FORMAT", 99)

    with pytest.raises(ArtifactError, match="99"):
        load_vectors(tmp_path)
