"""What is derived, on disk: immutable versions in a folder, of which the newest counts.

    <root>/CURRENT             name of the newest version and the SHA-256 of its manifest
    <root>/<name>/             see `shared.artifacts.manifest`
    <root>/.lock               held by who reads (together) or writes (alone)

Every byte is verified before it is read: FAISS, for one, reads flipped bits without a word. A
version that is missing, corrupt or foreign is rebuilt by its owner from what it was derived from.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from shared.artifacts.manifest import ManifestT, check_files, read_manifest, seal
from shared.errors import ArtifactError
from shared.files import locked, new_folder, write_atomic

_POINTER_FILE = "CURRENT"
_LOCK_FILE = ".lock"

T = TypeVar("T")


class VersionedFolder(Generic[ManifestT]):
    """The versions below `root`, whose manifests are of one model.

    Any number of processes of one machine may use it: none deletes a version that another reads.
    """

    def __init__(self, root: Path, model: type[ManifestT]) -> None:
        self._root = root
        self._model = model

    def write(
        self,
        name: str,
        write_files: Callable[[Path], ManifestT],
        *,
        may_replace: Callable[[ManifestT], bool] | None = None,
    ) -> bool:
        """Adds a version, lets the pointer name it, and deletes the older ones.

        `write_files` puts the files into the folder that it gets, and returns the manifest, whose
        `files` are filled in. Where `may_replace` says no to the newest manifest nothing is
        written, and False is returned; a version that cannot be read is always replaced.

        Raises:
            ArtifactError: there is a version of that name already.
            OSError: a file cannot be written.
        """
        with locked(self._root / _LOCK_FILE):
            if may_replace is not None and not self._yields(may_replace):
                return False
            folder = self._root / name
            with new_folder(folder) as aside:
                sha256 = seal(aside, write_files(aside))
            write_atomic(self._root / _POINTER_FILE, f"{name} {sha256}\n".encode())
            for other in self._root.iterdir():
                if other.is_dir() and other != folder:
                    shutil.rmtree(other, ignore_errors=True)
        return True

    def read(self, read_files: Callable[[Path, ManifestT], T]) -> T | None:
        """What `read_files` makes of the newest version, verified; None where none was written.

        Raises:
            ArtifactError: it is incomplete, corrupt, or of another format.
        """
        if not self._exists():
            return None
        with locked(self._root / _LOCK_FILE, shared=True):
            folder, manifest = self._newest()
            check_files(folder, manifest.files, remedy="it has to be rebuilt")
            return read_files(folder, manifest)

    def manifest(self) -> ManifestT | None:
        """The manifest of the newest version, whose files are not looked at; None without one.

        Raises:
            ArtifactError: it is missing, corrupt, or of another format.
        """
        if not self._exists():
            return None
        with locked(self._root / _LOCK_FILE, shared=True):
            return self._newest()[1]

    def _exists(self) -> bool:
        return (self._root / _POINTER_FILE).exists()

    def _newest(self) -> tuple[Path, ManifestT]:
        pointer = self._root / _POINTER_FILE
        try:
            name, _, sha256 = pointer.read_text("utf-8", "replace").strip().partition(" ")
        except OSError as error:
            raise ArtifactError(f"{pointer} cannot be read: {error}") from error
        folder = self._root / Path(name).name
        return folder, read_manifest(folder, self._model, sha256=sha256)[0]

    def _yields(self, may_replace: Callable[[ManifestT], bool]) -> bool:
        try:
            return not self._exists() or may_replace(self._newest()[1])
        except ArtifactError:
            return True
