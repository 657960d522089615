"""A ranker on disk: its trees with a manifest that says what they were trained on and what for.

    <root>/<model>/<12 hex>/manifest.json   canonical JSON; the 12 hex are from its SHA-256
                            ranker.txt      LightGBM's trees, as text

A bundle is content-addressed and so immutable: another byte is another id.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import ArtifactError, InputError, NotFoundError
from shared.files import new_folder, sha256_file, write_atomic
from shared.metrics.metric import STORED, Metric
from shared.validation.faults import joined, json_faults_of
from shared.validation.forms import NAME, SHA256

MANIFEST_FILE = "manifest.json"
RANKER_FILE = "ranker.txt"

_MODEL = r"[a-z0-9][a-z0-9_-]{0,62}"
_BUNDLE_ID = re.compile(rf"({_MODEL})@([0-9a-f]{{12}})")

Sha256 = Annotated[str, SHA256]


class RankerManifest(BaseModel):
    """What a ranker is and what it was made from.

    `features` are the names of its inputs in their order, `blend` the weights of the blend that is
    one of them, `data_fingerprint` the SHA-256 of the events and vectors that it was trained on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format_version: Literal[1] = 1
    kind: Literal["ranker"] = "ranker"
    model: Annotated[str, NAME]
    features: tuple[str, ...]
    blend: Mapping[str, float]
    data_fingerprint: Sha256
    metrics: Mapping[str, Metric]
    settings: Mapping[str, int | float]
    command: str
    created_at: str
    files: Mapping[str, Sha256]

    def to_bytes(self) -> bytes:
        """The canonical JSON: sorted keys, two spaces, UTF-8, a newline at the end."""
        values = self.model_dump(mode="json")
        text = json.dumps(values, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()


@dataclass(frozen=True, slots=True)
class RankerBundle:
    """A verified bundle: `id` is `<model>@<12 hex>`."""

    id: str
    folder: Path
    manifest: RankerManifest


def is_model_name(model: str) -> bool:
    """Whether a model can have this name."""
    return re.fullmatch(_MODEL, model) is not None


def check_model_name(model: str) -> str:
    """The name.

    Raises:
        InputError: no model can have it.
    """
    if not is_model_name(model):
        raise InputError(
            f"the model {model[:100]!r}: use a-z, 0-9, '-' and '_', at most 63 characters"
        )
    return model


def ranker_folder(root: Path, bundle_id: str) -> Path:
    """Where the bundle of an id lies.

    Raises:
        NotFoundError: the id has another form, so no bundle can have it.
    """
    match = _BUNDLE_ID.fullmatch(bundle_id)
    if match is None:
        raise NotFoundError(f"{bundle_id[:100]!r} is no ranker: expected <model>@<12 hex digits>")
    return root / match[1] / match[2]


def files_of(trees: str) -> dict[str, str]:
    """The SHA-256 of each file that a bundle of these trees has besides its manifest."""
    return {RANKER_FILE: hashlib.sha256(trees.encode()).hexdigest()}


def write_ranker(root: Path, manifest: RankerManifest, trees: str) -> RankerBundle:
    """Writes a bundle whole or not at all, and returns it verified.

    Raises:
        ArtifactError: the manifest's `files` are not those of the trees.
    """
    content = manifest.to_bytes()
    folder = root / manifest.model / _hex_of(content)
    if not folder.exists():
        with new_folder(folder) as aside:
            write_atomic(aside / RANKER_FILE, trees.encode())
            write_atomic(aside / MANIFEST_FILE, content)
    return read_ranker_bundle(folder)


def read_ranker_bundle(folder: Path) -> RankerBundle:
    """Reads a bundle and verifies every file of it.

    Raises:
        ArtifactError: the manifest is missing, malformed or another one than the folder's name
            says, or a file is missing, or not what its hash says.
    """
    path = folder / MANIFEST_FILE
    try:
        content = path.read_bytes()
        manifest = RankerManifest.model_validate_json(content, context=STORED)
    except OSError as error:
        raise ArtifactError(f"{folder} is no ranker: {path.name} cannot be read: {error}") from None
    except ValidationError as error:
        faults = joined(json_faults_of(error, content))
        raise ArtifactError(f"{path} is no ranker's manifest of format 1: {faults}") from None
    if folder.name != _hex_of(content):
        raise ArtifactError(f"{path} is corrupt: it belongs to {_hex_of(content)}: train it anew")
    for name in (RANKER_FILE, *manifest.files):
        _verify(folder / Path(name).name, manifest.files.get(name))
    return RankerBundle(f"{manifest.model}@{folder.name}", folder, manifest)


def _hex_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _verify(path: Path, digest: str | None) -> None:
    try:
        found = sha256_file(path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error}: train it anew") from error
    if found != digest:
        raise ArtifactError(f"{path} is corrupt: its SHA-256 is {found}, not {digest}")
