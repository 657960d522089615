"""The folder of a backup: the state's files, and a manifest that tells whether they are whole."""

from datetime import datetime
from pathlib import Path
from typing import Literal

from shared.artifacts.manifest import FilesManifest, Sha256, check_files, parse_manifest
from shared.errors import ArtifactError

MANIFEST = "backup.json"
STATE = "state"


class BackupManifest(FilesManifest):
    """What a backup holds; a state folder may have files of any name: nothing is opened by them."""

    format_version: Literal[1] = 1
    created_at: datetime
    banyan: str
    files: dict[str, Sha256]


def verify(folder: Path) -> BackupManifest:
    """Checks every file of a backup.

    Raises:
        ArtifactError: a file is missing, is not the one that was copied, or is not of the backup.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except OSError:
        raise ArtifactError(f"{folder} is not a backup: it has no {MANIFEST}") from None
    manifest = parse_manifest(path, content, BackupManifest)
    remedy = "the backup is damaged, restore another one"
    check_files(folder / STATE, manifest.files, remedy=remedy, but="")
    return manifest
