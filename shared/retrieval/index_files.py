"""Indexes on disk: immutable folders, a pointer to the newest, and a hash for every byte.

    <root>/CURRENT                   name of the newest folder and the SHA-256 of its manifest
    <root>/<uuid7>/manifest.json     bundle, version, SHA-256 of each of the other files
                   entries.jsonl     documents and passages
                   titles.faiss, passages.faiss

FAISS reads flipped bits without a word, so nothing is given to it that was not verified. An index
is derived: one that is missing or corrupt is made anew from the database.
"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import ArtifactError
from shared.files import new_folder, sha256_file, write_atomic
from shared.retrieval.dense import Dense
from shared.retrieval.index import Entry, Index
from shared.text.blocks import Sentence, SentenceKind
from shared.text.passages import SPLITTING, Passage
from shared.validation.faults import joined, json_faults_of

_FORMAT = 2
_FILES = ("entries.jsonl", "titles.faiss", "passages.faiss")


class IndexManifest(BaseModel):
    """What an index was made from, and the SHA-256 of its files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    splitting: int
    bundle: str
    version: int
    entries: int
    passages: int
    files: dict[str, str]


def save_index(index: Index, root: Path, name: str) -> None:
    """Writes an index as `root/name`, points `CURRENT` at it, and deletes the older ones."""
    folder = root / name
    with new_folder(folder) as aside:
        (aside / "entries.jsonl").write_bytes(b"".join(map(_entry_line, index.entries)))
        index.titles.write(aside / "titles.faiss")
        index.passages.write(aside / "passages.faiss")
        manifest = IndexManifest(
            format=_FORMAT,
            splitting=SPLITTING,
            bundle=index.bundle,
            version=index.version,
            entries=len(index.entries),
            passages=len(index.passages.vectors),
            files={file: sha256_file(aside / file) for file in _FILES},
        )
        (aside / "manifest.json").write_text(manifest.model_dump_json(indent=2), "utf-8")
    digest = sha256_file(folder / "manifest.json")
    write_atomic(root / "CURRENT", f"{name} {digest}\n".encode())
    for other in root.iterdir():
        if other.is_dir() and other != folder:
            shutil.rmtree(other, ignore_errors=True)


def load_index(root: Path) -> Index | None:
    """The newest index under `root`, or None where none was ever written.

    Raises:
        ArtifactError: it is incomplete, corrupt, or of another format.
    """
    newest = _newest(root)
    if newest is None:
        return None
    folder, manifest = newest
    for file in _FILES:
        _verify(folder / file, manifest.files.get(file, ""))
    entries = list(_read_entries(folder / "entries.jsonl"))
    return Index(
        manifest.bundle,
        manifest.version,
        entries,
        Dense.read(folder / "titles.faiss"),
        Dense.read(folder / "passages.faiss"),
    )


def saved_bundle(root: Path) -> str | None:
    """The bundle that made the newest index under `root`, or None where none was ever written.

    Raises:
        ArtifactError: its manifest is corrupt, or of another format.
    """
    newest = _newest(root)
    return None if newest is None else newest[1].bundle


def _newest(root: Path) -> tuple[Path, IndexManifest] | None:
    pointer = root / "CURRENT"
    if not pointer.exists():
        return None
    name, _, digest = pointer.read_text("utf-8", "replace").strip().partition(" ")
    folder = root / Path(name).name
    return folder, _read_manifest(folder, digest)


def _read_manifest(folder: Path, digest: str) -> IndexManifest:
    _verify(folder / "manifest.json", digest)
    content = (folder / "manifest.json").read_bytes()
    try:
        manifest = IndexManifest.model_validate_json(content)
    except ValidationError as error:
        faults = joined(json_faults_of(error, content))
        raise ArtifactError(f"{folder}: the manifest is of another format: {faults}") from None
    if (manifest.format, manifest.splitting) != (_FORMAT, SPLITTING):
        raise ArtifactError(
            f"{folder}: format {manifest.format} with splitting {manifest.splitting}; "
            f"this version reads {_FORMAT} with {SPLITTING}"
        )
    return manifest


def _verify(path: Path, digest: str) -> None:
    try:
        found = sha256_file(path)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from error
    if found != digest:
        raise ArtifactError(f"{path} is corrupt: its SHA-256 is {found}, not {digest}")


def _entry_line(entry: Entry) -> bytes:
    passages = [
        {
            "source": passage.source,
            "sentences": [
                [s.start, s.end, s.text, s.opens_line, s.kind] for s in passage.sentences
            ],
        }
        for passage in entry.passages
    ]
    row = {
        "id": entry.document_id,
        "version": entry.version,
        "title": entry.title,
        "labels": entry.labels,
        "is_faq": entry.is_faq,
        "passages": passages,
    }
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _read_entries(path: Path) -> Iterator[Entry]:
    with path.open("rb") as file:
        for line in file:
            row = orjson.loads(line)
            yield Entry.of(
                row["id"],
                row["version"],
                row["title"],
                row["labels"],
                [_passage(passage["source"], passage["sentences"]) for passage in row["passages"]],
                is_faq=row["is_faq"],
            )


def _passage(source: str, rows: Sequence[Sequence[Any]]) -> Passage:
    sentences = tuple(
        Sentence(start, end, text, opens_line, SentenceKind(kind))
        for start, end, text, opens_line, kind in rows
    )
    return Passage(sentences[0].start, sentences[-1].end, source, sentences)
