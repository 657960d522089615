"""Snapshots of ranking states on disk, see `shared.artifacts.versions`.

    manifest.json                   up to which event, of what and by which settings
    0.safetensors, 1.safetensors    a state each

A snapshot is derived: one that is missing, corrupt or foreign is replaced by the events themselves.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safetensors.numpy import load_file, save_file

from shared.artifacts.manifest import FilesManifest
from shared.artifacts.versions import VersionedFolder
from shared.errors import ArtifactError
from shared.ranking.saved_arrays import Arrays
from shared.ranking.settings import StateSettings


class SnapshotManifest(FilesManifest):
    """What a snapshot was made from; `states` has the file of each state by its name.

    `seq` is the number of the last event in it, and `source` tells this event from another one that
    has the number in another database. `settings` is the digest of the states' settings.
    """

    format: Literal[1] = 1
    seq: int
    source: str
    settings: str
    states: dict[str, str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """States by name, as `RankingState.arrays` makes them, up to the event `seq`."""

    seq: int
    source: str
    states: Mapping[str, Arrays]


def save_snapshot(snapshot: Snapshot, root: Path, name: str, settings: StateSettings) -> None:
    """Writes a snapshot as `root/name` and deletes the older ones, see `VersionedFolder.write`."""

    def write(folder: Path) -> SnapshotManifest:
        names = {
            state: f"{number}.safetensors" for number, state in enumerate(sorted(snapshot.states))
        }
        for state, file in names.items():
            save_file(snapshot.states[state], folder / file)
        return SnapshotManifest(
            seq=snapshot.seq, source=snapshot.source, settings=_digest(settings), states=names
        )

    VersionedFolder(root, SnapshotManifest).write(name, write)


def load_snapshot(root: Path, settings: StateSettings) -> Snapshot | None:
    """The newest snapshot under `root`, or None where none was ever written.

    Raises:
        ArtifactError: it is incomplete, corrupt, of another format or of other settings.
    """

    def read(folder: Path, manifest: SnapshotManifest) -> Snapshot:
        if manifest.settings != _digest(settings):
            raise ArtifactError("the snapshot was made by other settings of the state")
        if unknown := set(manifest.states.values()) - manifest.files.keys():
            raise ArtifactError(f"the snapshot's manifest has no hash of {sorted(unknown)}")
        states = {state: load_file(folder / file) for state, file in manifest.states.items()}
        return Snapshot(manifest.seq, manifest.source, states)

    return VersionedFolder(root, SnapshotManifest).read(read)


def _digest(settings: StateSettings) -> str:
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()
