"""Vector indexes on disk: immutable folders, a pointer to the newest, a hash for every byte.

    <root>/CURRENT                   name of the newest folder and the SHA-256 of its manifest
    <root>/<uuid7>/manifest.json     bundle, source, SHA-256 of each of the other files
                   built.faiss       what was built
                   fresh.faiss       what came or changed since
                   rows.npz          which rows the fresh vectors are, and which can be found

FAISS reads flipped bits without a word, so nothing is given to it that was not verified. An index
is derived: one that is missing, corrupt or of another source is built anew from the vectors.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import ArtifactError
from shared.files import new_folder, sha256_file, write_atomic
from shared.ranking.vectors.exact_rows import ExactRows
from shared.ranking.vectors.index import Parts, VectorIndex, VectorSettings
from shared.ranking.vectors.inverted_rows import InvertedRows
from shared.validation.faults import joined, json_faults_of

_FORMAT = 1
_FILES = ("built.faiss", "fresh.faiss", "rows.npz")


class VectorManifest(BaseModel):
    """What an index was made from, and the SHA-256 of its files.

    `source` is the caller's name for the rows, such as a hash of the items' ids in their order:
    row numbers mean nothing without them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    bundle: str
    source: str
    rows: int
    width: int
    kind: Literal["exact", "inverted"]
    probes: int
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """An index that was read, and what it was made from: compare that before you use it."""

    manifest: VectorManifest
    index: VectorIndex


def save_vectors(index: VectorIndex, root: Path, name: str, *, bundle: str, source: str) -> None:
    """Writes an index as `root/name`, points `CURRENT` at it, and deletes the older ones.

    Nothing may be added or replaced meanwhile: save an index before it is swapped in.

    Raises:
        ArtifactError: there is a folder of that name already.
        OSError: a file cannot be written.
    """
    folder = root / name
    parts = index.parts
    with new_folder(folder) as aside:
        parts.built.write(aside / "built.faiss")
        parts.fresh.write(aside / "fresh.faiss")
        np.savez(
            aside / "rows.npz",
            in_built=parts.in_built,
            fresh_rows=parts.fresh_rows,
            in_fresh=parts.in_fresh,
        )
        manifest = VectorManifest(
            format=_FORMAT,
            bundle=bundle,
            source=source,
            rows=parts.count,
            width=index.width,
            kind="exact" if isinstance(parts.built, ExactRows) else "inverted",
            probes=parts.built.probes,
            files={file: sha256_file(aside / file) for file in _FILES},
        )
        (aside / "manifest.json").write_text(manifest.model_dump_json(indent=2), "utf-8")
    digest = sha256_file(folder / "manifest.json")
    write_atomic(root / "CURRENT", f"{name} {digest}\n".encode())
    for other in root.iterdir():
        if other.is_dir() and other != folder:
            shutil.rmtree(other, ignore_errors=True)


def load_vectors(root: Path, settings: VectorSettings | None = None) -> StoredIndex | None:
    """The newest index under `root`, or None where none was ever written.

    Raises:
        ArtifactError: it is incomplete, corrupt, or of another format.
    """
    pointer = root / "CURRENT"
    if not pointer.exists():
        return None
    name, _, digest = pointer.read_text("utf-8", "replace").strip().partition(" ")
    folder = root / Path(name).name
    manifest = _read_manifest(folder, digest)
    for file in _FILES:
        _verify(folder / file, manifest.files.get(file, ""))
    return StoredIndex(
        manifest, VectorIndex(_read_parts(folder, manifest), settings or VectorSettings())
    )


def _read_parts(folder: Path, manifest: VectorManifest) -> Parts:
    built: ExactRows | InvertedRows
    if manifest.kind == "exact":
        built = ExactRows.read(folder / "built.faiss")
    else:
        built = InvertedRows.read(folder / "built.faiss", manifest.probes)
    with np.load(folder / "rows.npz", allow_pickle=False) as rows:
        return Parts(
            built,
            rows["in_built"],
            ExactRows.read(folder / "fresh.faiss"),
            rows["fresh_rows"],
            rows["in_fresh"],
            manifest.rows,
        )


def _read_manifest(folder: Path, digest: str) -> VectorManifest:
    _verify(folder / "manifest.json", digest)
    content = (folder / "manifest.json").read_bytes()
    try:
        manifest = VectorManifest.model_validate_json(content)
    except ValidationError as error:
        faults = joined(json_faults_of(error, content))
        raise ArtifactError(f"{folder}: the manifest is of another format: {faults}") from None
    if manifest.format != _FORMAT:
        raise ArtifactError(
            f"{folder}: format {manifest.format}; this version reads {_FORMAT}: build it anew"
        )
    return manifest


def _verify(path: Path, digest: str) -> None:
    try:
        found = sha256_file(path)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from error
    if found != digest:
        raise ArtifactError(f"{path} is corrupt: its SHA-256 is {found}, not {digest}")
