"""The task that every backbone has without training: its own embeddings."""

from pathlib import Path

from shared.artifacts.aliases import CHAMPION
from shared.models.backbone import Backbone
from shared.models.bundle import MODEL, BackboneRef, Bundle, Manifest, Method
from shared.models.registry import Registry
from shared.models.tasks import EMBED_TASK, TaskKind


def ensure_embed(registry: Registry, backbone: Backbone) -> Bundle:
    """Writes the backbone's own `embed` bundle if it is missing, and returns it.

    It holds no time and no path, so every machine gives it the same id. It becomes the champion
    where there is none, and where the champion is another backbone's own: a trained one is never
    replaced.

    Raises:
        ArtifactError: the registry holds something corrupt.
    """
    manifest = Manifest(
        task=EMBED_TASK,
        kind=TaskKind.EMBED,
        method=Method.NONE,
        backbone=BackboneRef(name=backbone.name, sha256=backbone.sha256),
        tokenizer_sha256=backbone.tokenizer_sha256,
        max_length=backbone.max_length,
        prefixes=backbone.prefixes,
    )
    bundle = MODEL.write(registry.root, manifest, _write_nothing)
    champion = registry.aliases().get(EMBED_TASK, {}).get(CHAMPION)
    if champion is None or registry.bundle(champion.bundle).manifest.method is Method.NONE:
        registry.set_alias(EMBED_TASK, CHAMPION, bundle.id)
    return bundle


def _write_nothing(folder: Path) -> None:
    """The backbone's weights are all that this bundle needs."""
