"""The task that every backbone has without training: its own embeddings."""

from pathlib import Path
from typing import Protocol

from shared.artifacts.aliases import CHAMPION
from shared.models.backbones.prefixes import Prefixes
from shared.models.bundle import MODEL, BackboneRef, Bundle, Manifest, Method
from shared.models.registry import Registry
from shared.models.tasks import EMBED_TASK, TaskKind


class Embedding(Protocol):
    """What its own embeddings need to know of a backbone, whether it is loaded or not."""

    @property
    def name(self) -> str:
        """Its name for people."""

    @property
    def sha256(self) -> str:
        """The identity of its weights."""

    @property
    def tokenizer_sha256(self) -> str:
        """That of its tokenizer."""

    @property
    def prefixes(self) -> Prefixes:
        """What stands before its texts."""

    @property
    def max_length(self) -> int:
        """How many tokens it reads."""


def ensure_embed(registry: Registry, backbone: Embedding, task: str = EMBED_TASK) -> Bundle:
    """Writes the bundle of the backbone's own embeddings if it is missing, and returns it.

    It holds no time and no path, so every machine gives it the same id. It becomes the champion
    where there is none, and where the champion is another backbone's own: a trained one is never
    replaced.

    Raises:
        ArtifactError: the registry holds something corrupt.
    """
    manifest = Manifest(
        task=task,
        kind=TaskKind.EMBED,
        method=Method.NONE,
        backbone=BackboneRef(name=backbone.name, sha256=backbone.sha256),
        tokenizer_sha256=backbone.tokenizer_sha256,
        max_length=backbone.max_length,
        prefixes=backbone.prefixes,
    )
    bundle = MODEL.write(registry.root, manifest, _write_nothing)
    champion = registry.aliases().get(task, {}).get(CHAMPION)
    if champion is None or registry.bundle(champion.bundle).manifest.method is Method.NONE:
        registry.set_alias(task, CHAMPION, bundle.id)
    return bundle


def _write_nothing(folder: Path) -> None:
    """The backbone's weights are all that this bundle needs."""
