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
| `prefixes`         | that backbone's                  | those of the one below `backbone/`      |

`prefixes` stand before the texts of `embed` tasks; the other kinds read texts as they are.

Which backbone a `full` bundle is itself stands in `files` (see `own_backbone_sha256`) and nowhere
else, so it runs beside any other. `max_length` counts the text's tokens: the virtual ones of a
`prompt` come on top, and both together must fit the backbone's positions. They stand before the
text, whose token types are left out, as PEFT does; pooling and heads read the text's tokens alone.

How it is written and verified see `shared.artifacts`. This module holds no torch, so that any
process can name and verify bundles.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from shared.artifacts.manifest import FilesManifest, Sha256
from shared.artifacts.store import Artifact, Kind
from shared.errors import ArtifactError
from shared.metrics.metric import Metric
from shared.models.backbones.prefixes import NO_PREFIXES, Prefixes
from shared.models.source import sha256_of_weights
from shared.models.tasks import TaskKind
from shared.validation.forms import TextForm

HEAD_FILE = "head.safetensors"
ADAPTER_FOLDER = "adapter"
BACKBONE_FOLDER = "backbone"
ADAPTER_CONFIG_FILE = f"{ADAPTER_FOLDER}/adapter_config.json"
ADAPTER_WEIGHTS_FILE = f"{ADAPTER_FOLDER}/adapter_model.safetensors"

_TASK = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"


class Method(StrEnum):
    """How the backbone was tuned for the task."""

    NONE = "none"
    HEAD = "head"
    LORA = "lora"
    FULL = "full"
    PROMPT = "prompt"


TaskName = Annotated[
    str,
    TextForm(
        rf"^{_TASK}$",
        "1 to 63 lower-case letters, digits, _ and -, with a letter or digit first and last",
    ),
]
Label = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Base of the manifest's parts: immutable, strict about keys, no NaN."""


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


class Manifest(FilesManifest):
    """What a bundle is and what it was made for and from.

    `labels` are the classes of a `classify` head in the order of its rows, the entity types of a
    `tag` head (see `shared.models.tag.bio_labels`), and empty otherwise.
    """

    format_version: Literal[1] = 1
    task: TaskName
    kind: TaskKind
    method: Method
    backbone: BackboneRef
    tokenizer_sha256: Sha256
    max_length: int = Field(gt=2)
    prefixes: Prefixes = NO_PREFIXES
    labels: tuple[Label, ...] = ()
    multi_label: bool = False
    data_fingerprint: str | None = None
    metrics: dict[str, Metric] = Field(default_factory=dict)
    calibration: Calibration = Calibration()
    created_at: str | None = None
    command: str | None = None
    licence: str | None = None
    attribution: str | None = None

    @model_serializer(mode="wrap")
    def _without_no_prefixes(self, serialise: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Without prefixes that are empty, so that bundles of before the field keep their ids."""
        values: dict[str, object] = serialise(self)
        if not self.prefixes:
            del values["prefixes"]
        return values


def own_backbone_sha256(manifest: Manifest) -> str | None:
    """The `BackboneFiles.sha256` of a `full` bundle's own backbone; None for other methods."""
    if manifest.method is not Method.FULL:
        return None
    return sha256_of_weights(
        sha256
        for name, sha256 in manifest.files.items()
        if _in_backbone(name) and name.endswith(".safetensors")
    )


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


MODEL = Kind(
    noun="bundle",
    owner_noun="task",
    owner_form=_TASK,
    listing="`banyan models` lists tasks and bundles",
    model=Manifest,
    owner=lambda manifest: manifest.task,
    check=_check_content,
)
Bundle = Artifact[Manifest]
