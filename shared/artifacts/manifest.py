"""The manifest of an artefact: what its kind says of it, and the SHA-256 of every file beside it.

    <folder>/manifest.json   canonical JSON: sorted keys, two spaces, UTF-8, a newline at the end
             ...             the files, which the manifest names all

A kind of artefact (a model's bundle, a ranker's, an index, a snapshot) is a model of pydantic with
its own fields; how it is written, read and verified is the same for all of them.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from shared.errors import ArtifactError
from shared.files import sha256_file
from shared.metrics.metric import STORED
from shared.validation.faults import joined, json_faults_of
from shared.validation.forms import SHA256

MANIFEST_FILE = "manifest.json"


def _inside_folder(name: str) -> str:
    """Refuses names that leave the folder or mean different files on other systems."""
    path = PurePosixPath(name)
    unsafe = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name
    if unsafe or not name.isprintable() or str(path) != name or name in ("", ".", MANIFEST_FILE):
        raise ValueError(f"{name!r} is not a plain relative path inside the folder")
    return name


Sha256 = Annotated[str, SHA256]
FileName = Annotated[str, AfterValidator(_inside_folder)]


class FilesManifest(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What every manifest has: `files` maps every other file of the folder to its SHA-256."""

    files: dict[FileName, Sha256] = Field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The canonical JSON."""
        values = self.model_dump(mode="json")
        text = json.dumps(values, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()


ManifestT = TypeVar("ManifestT", bound=FilesManifest)


def seal(folder: Path, manifest: FilesManifest) -> str:
    """Writes the manifest of the files that lie in a folder; returns the SHA-256 of its bytes.

    `manifest.files` is ignored and made from the files. Nothing is flushed: see `new_folder`.

    Raises:
        ArtifactError: a file is a link, or the manifest is not one that may be written.
    """
    content = manifest.model_copy(update={"files": hash_files(folder)}).to_bytes()
    path = folder / MANIFEST_FILE
    # Without the leniency of reading: faults of an older artefact are not passed on.
    parse_manifest(path, content, type(manifest), None)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def read_manifest(
    folder: Path,
    model: type[ManifestT],
    *,
    sha256: str | None = None,
) -> tuple[ManifestT, str]:
    """The manifest of a folder and the SHA-256 of its bytes, which must be `sha256` if given.

    The files are verified by `check_files`.

    Raises:
        ArtifactError: it cannot be read, has other bytes, or is malformed.
    """
    path = folder / MANIFEST_FILE
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from None
    found = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, found):
        raise ArtifactError(f"{path} is corrupt: its SHA-256 is {found}, not {sha256}")
    return parse_manifest(path, content, model), found


def check_files(
    folder: Path, expected: Mapping[str, str], *, remedy: str, but: str = MANIFEST_FILE
) -> None:
    """Verifies that a folder holds these files by their SHA-256, and no others `but` one.

    Raises:
        ArtifactError: a file is missing, extra, a link, or has other content; all are named.
    """
    found = hash_files(folder, but)
    faults = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    faults += [f"{name} is not in the manifest" for name in sorted(found.keys() - expected.keys())]
    faults += [
        f"{name} is corrupt (SHA-256 {found[name][:12]}..., expected {expected[name][:12]}...)"
        for name in sorted(expected.keys() & found.keys())
        if found[name] != expected[name]
    ]
    if faults:
        raise ArtifactError(f"{folder}: {'; '.join(faults)}: {remedy}")


def hash_files(folder: Path, but: str = MANIFEST_FILE) -> dict[str, str]:
    """The SHA-256 of every file below a folder `but` one, by relative POSIX path.

    Raises:
        ArtifactError: a file is a link, or cannot be read.
    """
    hashes = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise ArtifactError(f"{path} is a link: an artefact holds plain files only")
        if path.is_file() and name != but:
            try:
                hashes[name] = sha256_file(path)
            except OSError as error:
                raise ArtifactError(f"{path} cannot be read: {error}") from error
    return hashes


def parse_manifest(
    path: Path,
    content: bytes,
    model: type[ManifestT],
    context: Mapping[str, bool] | None = STORED,
) -> ManifestT:
    """The manifest that a file holds; `context` is pydantic's, by default that of reading.

    Raises:
        ArtifactError: it is malformed.
    """
    try:
        return model.model_validate_json(content, context=context)
    except ValidationError as error:
        faults = joined(json_faults_of(error, content))
        raise ArtifactError(f"{path} is not a manifest that this version reads: {faults}") from None
