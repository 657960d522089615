"""A bundle on disk: what was tuned of a backbone, with a manifest that says what it is made for.

    <root>/<task>/<12 hex>/
        manifest.json                       canonical JSON; the 12 hex are from its SHA-256
        adapter/adapter_config.json         methods `lora` and `prompt`, in PEFT's own format
        adapter/adapter_model.safetensors
        backbone/                           method `full`: what `shared.models.source.locate` reads
        head.safetensors                    every kind but `embed`
        README.md                           the card

What the manifest's fields mean by method, where that is not plain:

| field              | `none`, `head`, `lora`, `prompt` | `full`                                  |
|--------------------|----------------------------------|-----------------------------------------|
| `backbone`         | the backbone that it runs on     | the one whose weights it began with     |
| `tokenizer_sha256` | that backbone's `tokenizer.json` | the `tokenizer.json` below `backbone/`  |
| `max_length`       | at most what that backbone reads | at most what its own backbone reads     |

Which backbone a `full` bundle is itself stands in `files` (see `own_backbone_sha256`) and nowhere
else, so it runs beside any other. `max_length` counts the text's tokens: the virtual ones of a
`prompt` come on top, and both together must fit the backbone's positions. They stand before the
text, whose token types are left out, as PEFT does; pooling and heads read the text's tokens alone.

A bundle is content-addressed and so immutable: another byte is another id. This module holds no
torch, so that any process can name and verify bundles.
"""

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from shared.errors import ArtifactError, NotFoundError
from shared.files import new_folder, sha256_file, sync_folder, write_atomic
from shared.metrics.metric import STORED, Metric
from shared.models.source import sha256_of_weights
from shared.models.tasks import TaskKind
from shared.validation.faults import joined, json_faults_of
from shared.validation.forms import SHA256, TextForm

MANIFEST_FILE = "manifest.json"
HEAD_FILE = "head.safetensors"
ADAPTER_FOLDER = "adapter"
BACKBONE_FOLDER = "backbone"
ADAPTER_CONFIG_FILE = f"{ADAPTER_FOLDER}/adapter_config.json"
ADAPTER_WEIGHTS_FILE = f"{ADAPTER_FOLDER}/adapter_model.safetensors"

_TASK = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_BUNDLE_ID = re.compile(rf"({_TASK})@([0-9a-f]{{12}})")


class Method(StrEnum):
    """How the backbone was tuned for the task."""

    NONE = "none"
    HEAD = "head"
    LORA = "lora"
    FULL = "full"
    PROMPT = "prompt"


def _inside_folder(name: str) -> str:
    """Refuses names that leave the bundle's folder or mean different files on other systems."""
    path = PurePosixPath(name)
    unsafe = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name
    if unsafe or not name.isprintable() or str(path) != name or name in ("", ".", MANIFEST_FILE):
        raise ValueError(f"{name!r} is not a plain relative path inside the bundle")
    return name


Sha256 = Annotated[str, SHA256]
TaskName = Annotated[
    str,
    TextForm(
        rf"^{_TASK}$",
        "1 to 63 lower-case letters, digits, _ and -, with a letter or digit first and last",
    ),
]
FileName = Annotated[str, AfterValidator(_inside_folder)]
Label = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    """Base of the manifest's parts: immutable, strict about keys, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BackboneRef(_Part):
    """The backbone that a bundle was made for; `name` is for people, the hash is what counts."""

    name: str
    sha256: Sha256


class Calibration(_Part):
    """What turns logits into honest probabilities: they are divided by `temperature`.

    `no_answer_bias` is added beforehand to the logit by which a `span` head says "no answer".
    """

    temperature: float = Field(default=1.0, gt=0)
    no_answer_bias: float = 0.0

    @model_serializer(mode="wrap")
    def _without_no_bias(self, serialise: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Without a bias of 0, so that bundles of before the field keep their ids."""
        values: dict[str, object] = serialise(self)
        if not self.no_answer_bias:
            del values["no_answer_bias"]
        return values


class Manifest(_Part):
    """What a bundle is and what it was made for and from.

    `labels` are the classes of a `classify` head in the order of its rows, the entity types of a
    `tag` head (see `shared.models.tag.bio_labels`), and empty otherwise. `files` maps every
    other file of the folder to its SHA-256.
    """

    format_version: Literal[1] = 1
    task: TaskName
    kind: TaskKind
    method: Method
    backbone: BackboneRef
    tokenizer_sha256: Sha256
    max_length: int = Field(gt=2)
    labels: tuple[Label, ...] = ()
    multi_label: bool = False
    data_fingerprint: str | None = None
    metrics: dict[str, Metric] = Field(default_factory=dict)
    calibration: Calibration = Calibration()
    files: dict[FileName, Sha256] = Field(default_factory=dict)
    created_at: str | None = None
    command: str | None = None
    licence: str | None = None
    attribution: str | None = None

    def to_bytes(self) -> bytes:
        """The canonical JSON: sorted keys, two spaces, UTF-8, a newline at the end."""
        values = self.model_dump(mode="json")
        text = json.dumps(values, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle: `id` is `<task>@<12 hex>`."""

    id: str
    folder: Path
    manifest: Manifest


def parse_bundle_id(bundle_id: str) -> tuple[str, str]:
    """Splits `<task>@<12 hex>` into its two parts, both safe as names of folders.

    Raises:
        NotFoundError: the id has another form, so no bundle can have it.
    """
    match = _BUNDLE_ID.fullmatch(bundle_id)
    if match is None:
        raise NotFoundError(f"{bundle_id[:100]!r} is no bundle id: expected <task>@<12 hex digits>")
    return match[1], match[2]


def own_backbone_sha256(manifest: Manifest) -> str | None:
    """The `BackboneFiles.sha256` of a `full` bundle's own backbone; None for other methods."""
    if manifest.method is not Method.FULL:
        return None
    return sha256_of_weights(
        sha256
        for name, sha256 in manifest.files.items()
        if _in_backbone(name) and name.endswith(".safetensors")
    )


def write_bundle(root: Path, manifest: Manifest, write_files: Callable[[Path], None]) -> Bundle:
    """Writes `<root>/<task>/<12 hex>/` whole or not at all, and returns it verified.

    `write_files` puts every file but the manifest into the folder that it gets. `manifest.files`
    is ignored and made from what was written. The same content written twice is one bundle.

    Raises:
        ArtifactError: what `write_files` wrote does not fit the manifest's kind and method, a
            metric lies outside of its interval, or the bundle's place holds something corrupt.
    """
    task_folder = root / manifest.task
    written = task_folder / f".written.{uuid.uuid4().hex}"
    with new_folder(written) as aside:
        write_files(aside)
        manifest = manifest.model_copy(update={"files": _hash_files(aside)})
        _check_content(aside, manifest)
        content = manifest.to_bytes()
        # Without the leniency of reading: figures of an older bundle are not passed on.
        _parse(content, aside / MANIFEST_FILE, stored=False)
        write_atomic(aside / MANIFEST_FILE, content)
    try:
        return _settle(written, task_folder / _hex_of(content))
    finally:
        shutil.rmtree(written, ignore_errors=True)


def read_bundle(folder: Path) -> Bundle:
    """Reads a bundle and verifies every file of it.

    Raises:
        ArtifactError: the manifest is missing or malformed, or a file is missing, extra, a link,
            or not what its hash says.
    """
    path = folder / MANIFEST_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{folder} is no bundle: {path.name} cannot be read: {error}") from None
    manifest = _parse(content, path, stored=True)
    _check_hashes(folder, manifest.files)
    _check_content(folder, manifest)
    return Bundle(f"{manifest.task}@{_hex_of(content)}", folder, manifest)


def _parse(content: bytes, path: Path, *, stored: bool) -> Manifest:
    try:
        return Manifest.model_validate_json(content, context=STORED if stored else None)
    except ValidationError as error:
        faults = joined(json_faults_of(error, content))
        raise ArtifactError(f"{path} is no manifest of format 1: {faults}") from None


def _settle(written: Path, folder: Path) -> Bundle:
    """Gives a written folder its content's name; a copy that is there already stays."""
    try:
        written.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    else:
        sync_folder(folder.parent)
    return read_bundle(folder)


def _hex_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _hash_files(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder but the manifest, by relative POSIX path."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise ArtifactError(f"{path} is a link: a bundle holds plain files only")
        if path.is_file() and name != MANIFEST_FILE:
            hashes[name] = sha256_file(path)
    return hashes


def _check_hashes(folder: Path, expected: Mapping[str, str]) -> None:
    found = _hash_files(folder)
    faults = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    faults += [f"{name} is not in the manifest" for name in sorted(found.keys() - expected.keys())]
    faults += [
        f"{name} is corrupt (SHA-256 {found[name][:12]}..., expected {expected[name][:12]}...)"
        for name in sorted(expected.keys() & found.keys())
        if found[name] != expected[name]
    ]
    if faults:
        raise ArtifactError(f"{folder}: {'; '.join(faults)}: restore or train the bundle again")


def _check_content(folder: Path, manifest: Manifest) -> None:
    """Checks that kind, method, labels and files belong together."""
    faults = []
    embeds = manifest.kind is TaskKind.EMBED
    if manifest.method is Method.NONE and not embeds:
        faults.append(f"method none gives no head for kind {manifest.kind}")
    if manifest.method is Method.HEAD and embeds:
        faults.append("kind embed has no head: use method none")
    if not embeds and manifest.method is not Method.NONE and HEAD_FILE not in manifest.files:
        faults.append(f"{HEAD_FILE} is missing for kind {manifest.kind}")
    if embeds and HEAD_FILE in manifest.files:
        faults.append(f"{HEAD_FILE} has no meaning for kind embed")
    faults += _tuned_faults(manifest)
    faults += _label_faults(manifest)
    if faults:
        raise ArtifactError(f"{folder}: {'; '.join(faults)}")


def _tuned_faults(manifest: Manifest) -> list[str]:
    """What the files of a method lack, and those of other methods that are there."""
    method, names = manifest.method, manifest.files.keys()
    adapter = {name for name in names if name.startswith(f"{ADAPTER_FOLDER}/")}
    backbone = {name for name in names if _in_backbone(name)}
    faults = []
    if method in (Method.LORA, Method.PROMPT):
        needed = (ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE)
        faults += [f"{name} is missing" for name in needed if name not in adapter]
    elif adapter:
        faults.append(f"{ADAPTER_FOLDER}/ has no meaning for method {method}")
    if method is Method.FULL:
        faults += [
            f"{BACKBONE_FOLDER}/ holds no {kind}"
            for kind in ("config.json", "tokenizer.json", ".safetensors")
            if not any(name.endswith(kind) for name in backbone)
        ]
    elif backbone:
        faults.append(f"{BACKBONE_FOLDER}/ has no meaning for method {method}")
    return faults


def _in_backbone(name: str) -> bool:
    return name.startswith(f"{BACKBONE_FOLDER}/")


def _label_faults(manifest: Manifest) -> list[str]:
    labels = manifest.labels
    faults = []
    if len(set(labels)) != len(labels):
        faults.append("a label stands twice")
    if manifest.multi_label and manifest.kind is not TaskKind.CLASSIFY:
        faults.append(f"multi_label has no meaning for kind {manifest.kind}")
    if manifest.kind is TaskKind.CLASSIFY:
        least = 1 if manifest.multi_label else 2
    elif manifest.kind is TaskKind.TAG:
        least = 1
    else:
        return [*faults, f"kind {manifest.kind} has no labels"] if labels else faults
    if len(labels) < least:
        faults.append(f"kind {manifest.kind} needs at least {least} labels, found {len(labels)}")
    return faults
