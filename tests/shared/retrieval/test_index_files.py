"""Indexes on disk: read as written, or refused."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from shared.artifacts.versions import VersionedFolder
from shared.errors import ArtifactError
from shared.retrieval import index_files
from shared.retrieval.index import Index
from shared.retrieval.index_files import IndexManifest, read_index, write_index
from tests.harness.entries import BUNDLE, WIDTH, embedded, query


def save(index: Index, root: Path) -> None:
    VersionedFolder(root, IndexManifest).write("one", partial(write_index, index))


def load(root: Path) -> Index | None:
    return VersionedFolder(root, IndexManifest).read(read_index)


@pytest.fixture
def index() -> Index:
    added = [
        embedded("a", "Lost card", "Freeze **it**.\n\n1. Tap\n2. Wait\n", labels=("lost",)),
        embedded("b", "", "日本語 and owls.", version=3),
    ]
    return Index.empty(BUNDLE, WIDTH).replaced(3, (), added)


def test_an_index_is_read_as_it_was_written(tmp_path: Path, index: Index) -> None:
    save(index, tmp_path)

    read = load(tmp_path)

    assert read is not None
    assert (read.bundle, read.version, read.entries) == (index.bundle, 3, index.entries)
    assert read.search([query("owls")], 5) == index.search([query("owls")], 5)


def test_words_that_a_team_adds_are_in_an_index_that_was_written_without_them(
    tmp_path: Path,
) -> None:
    """Tokens are not on disk: they are made by the dictionary of the process that reads."""
    save(
        Index.empty(BUNDLE, WIDTH).replaced(1, (), [embedded("a", "榕付卡怎么挂失", "致电客服。")]),
        tmp_path,
    )
    program = (
        "import sys; from pathlib import Path\n"
        "from shared.retrieval.tokens import add_words\n"
        "from tests.shared.retrieval.test_index_files import load\n"
        "print('榕付卡' in load(Path(sys.argv[1])).entries[0].title_tokens)\n"
        "add_words(['榕付卡'])\n"
        "print('榕付卡' in load(Path(sys.argv[1])).entries[0].title_tokens)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "True"], done.stderr


def test_an_empty_index_can_be_kept(tmp_path: Path) -> None:
    save(Index.empty(BUNDLE, WIDTH), tmp_path)

    read = load(tmp_path)

    assert read is not None
    assert read.passages.vectors.shape == (0, WIDTH)


@pytest.mark.parametrize("file", ["entries.jsonl", "titles.faiss", "passages.faiss"])
def test_a_flipped_bit_is_found(tmp_path: Path, index: Index, file: str) -> None:
    save(index, tmp_path)
    path = tmp_path / "one" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(ArtifactError, match="corrupt"):
        load(tmp_path)


def test_an_index_of_another_way_of_cutting_is_refused(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(index, tmp_path)
    monkeypatch.setattr(index_files, "SPLITTING", 99)

    with pytest.raises(ArtifactError, match="this version reads 2 with 99"):
        load(tmp_path)
