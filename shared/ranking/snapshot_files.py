"""Snapshots of ranking states on disk: immutable folders, a pointer to the newest, hashes of all.

    <root>/CURRENT                   name of the newest folder and the SHA-256 of its manifest
    <root>/<uuid7>/manifest.json     up to which event, of what and by which settings; SHA-256 of
                                     each of the other files
                   0.safetensors, 1.safetensors, ... a state each

A snapshot is derived: one that is missing, corrupt or foreign is replaced by the events themselves.
"""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.numpy import load_file, save_file

from shared.errors import ArtifactError
from shared.files import new_folder, sha256_file, write_atomic
from shared.ranking.saved_arrays import Arrays
from shared.ranking.settings import StateSettings

_FORMAT = 1


class SnapshotManifest(BaseModel):
    """What a snapshot was made from; `states` has the file of each state by its name.

    `seq` is the number of the last event in it, and `source` tells this event from another one that
    has the number in another database. `settings` is the digest of the states' settings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    seq: int
    source: str
    settings: str
    states: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """States by name, as `RankingState.arrays` makes them, up to the event `seq`."""

    seq: int
    source: str
    states: Mapping[str, Arrays]


def save_snapshot(snapshot: Snapshot, root: Path, name: str, settings: StateSettings) -> None:
    """Writes a snapshot as `root/name`, points `CURRENT` at it, and deletes the older ones.

    Raises:
        ArtifactError: there is a folder of that name already.
        OSError: a file cannot be written.
    """
    folder = root / name
    names = {state: f"{number}.safetensors" for number, state in enumerate(sorted(snapshot.states))}
    with new_folder(folder) as aside:
        for state, file in names.items():
            save_file(snapshot.states[state], aside / file)
        manifest = SnapshotManifest(
            format=_FORMAT,
            seq=snapshot.seq,
            source=snapshot.source,
            settings=_digest(settings),
            states=names,
            files={file: sha256_file(aside / file) for file in names.values()},
        )
        (aside / "manifest.json").write_text(manifest.model_dump_json(indent=2), "utf-8")
    digest = sha256_file(folder / "manifest.json")
    write_atomic(root / "CURRENT", f"{name} {digest}\n".encode())
    for other in root.iterdir():
        if other.is_dir() and other != folder:
            shutil.rmtree(other, ignore_errors=True)


def load_snapshot(root: Path, settings: StateSettings) -> Snapshot | None:
    """The newest snapshot under `root`, or None where none was ever written.

    Raises:
        ArtifactError: it is incomplete, corrupt, of another format or of other settings.
    """
    pointer = root / "CURRENT"
    if not pointer.exists():
        return None
    name, _, digest = pointer.read_text("utf-8", "replace").strip().partition(" ")
    folder = root / Path(name).name
    manifest = _read_manifest(folder, digest)
    if manifest.settings != _digest(settings):
        raise ArtifactError("the snapshot was made by other settings of the state")
    states: dict[str, Arrays] = {}
    for state, file in manifest.states.items():
        path = folder / Path(file).name
        _verify(path, manifest.files.get(file, ""))
        states[state] = load_file(path)
    return Snapshot(manifest.seq, manifest.source, states)


def _digest(settings: StateSettings) -> str:
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()


def _read_manifest(folder: Path, digest: str) -> SnapshotManifest:
    _verify(folder / "manifest.json", digest)
    try:
        manifest = SnapshotManifest.model_validate_json((folder / "manifest.json").read_bytes())
    except ValidationError as error:
        raise ArtifactError(f"the snapshot's manifest is of another format: {error}") from None
    if manifest.format != _FORMAT:
        raise ArtifactError(f"the snapshot is of format {manifest.format}, not {_FORMAT}")
    return manifest


def _verify(path: Path, digest: str) -> None:
    try:
        found = sha256_file(path)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from error
    if found != digest:
        raise ArtifactError(f"{path} is corrupt: its SHA-256 is {found}, not {digest}")
