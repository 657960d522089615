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


def write_snapshot(snapshot: Snapshot, settings: StateSettings, folder: Path) -> SnapshotManifest:
    """Writes the files of a snapshot into an empty folder; the manifest has no hashes yet."""
    names = {state: f"{number}.safetensors" for number, state in enumerate(sorted(snapshot.states))}
    for state, file in names.items():
        save_file(snapshot.states[state], folder / file)
    return SnapshotManifest(
        seq=snapshot.seq, source=snapshot.source, settings=_digest(settings), states=names
    )


def read_snapshot(settings: StateSettings, folder: Path, manifest: SnapshotManifest) -> Snapshot:
    """Reads what `write_snapshot` wrote; the caller has verified the files.

    Raises:
        ArtifactError: the states were made by other settings, or a file is not named.
    """
    if manifest.settings != _digest(settings):
        raise ArtifactError("the snapshot was made by other settings of the state")
    if unknown := set(manifest.states.values()) - manifest.files.keys():
        raise ArtifactError(f"the snapshot's manifest has no hash of {sorted(unknown)}")
    states = {state: load_file(folder / file) for state, file in manifest.states.items()}
    return Snapshot(manifest.seq, manifest.source, states)


def _digest(settings: StateSettings) -> str:
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()
