"""A backbone beside the first one: known by its files from the start, read when it is needed.

This module holds no torch: what a bundle on such a backbone says of it can be said without it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from shared.errors import ArtifactError
from shared.failures import reason_of
from shared.models.backbones.prefixes import Prefixes
from shared.models.source import BackboneConfig, BackboneFiles, locate
from shared.models.tasks import EMBED_TASK
from shared.validation.forms import TextForm

_MOST_TOKENS = 1_000_000

BackboneKey = Annotated[
    str,
    TextForm(
        r"^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$",
        "a language or a role: 1 to 20 lower-case letters, digits and -, with a letter first",
    ),
]
"""What names a further backbone: the language that it reads (`zh`), or what it is for."""


@dataclass(frozen=True, slots=True)
class BackboneState:
    """What is told of one of the trunk's backbones.

    `language` is the key of a further one. `embed_task` gives its own vectors. `memory_bytes` is
    what its weights take, and of a further one what the process had grown by when it was loaded,
    with its tokenizer; that took `loaded_in_s`. Both are None until a task needs it.
    """

    language: str
    name: str
    sha256: str
    prefixes: Prefixes
    embed_task: str
    memory_bytes: int | None
    loaded_in_s: float | None

    @property
    def told(self) -> str:
        """The same in words."""
        wanted = f"prefixes {self.prefixes.query!r} and {self.prefixes.passage!r}, "
        if self.memory_bytes is None:
            loaded = "loaded when a task needs it"
        else:
            loaded = f"{self.memory_bytes / 1e6:.0f} MB, loaded in {self.loaded_in_s or 0:.1f} s"
        return f"{self.name}, {wanted if self.prefixes else ''}{loaded}"


@dataclass(frozen=True, slots=True)
class Further:
    """A backbone that is read when a bundle on it is first loaded, by its `key`.

    `max_length` is what its files declare; what they can read is seen when they are read.
    """

    key: str
    config: BackboneConfig
    files: BackboneFiles
    max_length: int

    @classmethod
    def locate(cls, key: str, config: BackboneConfig) -> "Further":
        """Finds, checks and hashes its files; 0.5 GB take half a second.

        Raises:
            ArtifactError: see `shared.models.source.locate`; or the files declare no length.
            DependencyError: Hugging Face does not give them.
        """
        try:
            files = locate(config)
            return cls(key, config, files, declared_max_length(files.folder))
        except ArtifactError as error:
            raise ArtifactError(f"backbones.{key}: {error}") from None

    @property
    def embed_task(self) -> str:
        """The task that gives its own vectors."""
        return f"{EMBED_TASK}-{self.key}"

    @property
    def name(self) -> str:
        """Its name for people."""
        return self.files.name

    @property
    def sha256(self) -> str:
        """See `BackboneFiles`."""
        return self.files.sha256

    @property
    def tokenizer_sha256(self) -> str:
        """See `BackboneFiles`."""
        return self.files.tokenizer_sha256

    @property
    def prefixes(self) -> Prefixes:
        """See `BackboneFiles`."""
        return self.files.prefixes


def declared_max_length(folder: Path) -> int:
    """How many tokens the model in a folder reads at most, by what its files say.

    Raises:
        ArtifactError: a file is malformed, or none says it.
    """
    inner = folder / _first_module(folder)
    limits = [
        _read(inner / "sentence_bert_config.json").get("max_seq_length"),
        _read(inner / "tokenizer_config.json").get("model_max_length"),
    ]
    stated = [each for each in limits if isinstance(each, int) and 2 < each <= _MOST_TOKENS]
    if not stated:
        raise ArtifactError(
            f"{folder} does not say how many tokens it reads: set max_seq_length in "
            "sentence_bert_config.json"
        )
    return min(stated)


def _first_module(folder: Path) -> str:
    """Where the transformer's files lie."""
    path = folder / "modules.json"
    if not path.exists():
        return ""
    try:
        return str(json.loads(path.read_bytes())[0]["path"])
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ArtifactError(f"{path} is malformed: {reason_of(error)}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ArtifactError(f"{path} is malformed: {reason_of(error)}") from None
    return content if isinstance(content, dict) else {}
