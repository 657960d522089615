"""The real embedded backbone, read once for all contracts."""

import functools
from collections.abc import Mapping
from pathlib import Path

from shared.models.backbone import Backbone, BackboneConfig
from shared.models.backbones.further import Further
from shared.models.builtin import ensure_embed
from shared.models.registry import Registry
from shared.models.runners import Runners


@functools.cache
def _backbone() -> Backbone:
    return Backbone.load(BackboneConfig())


def real_runners(registry: Registry, further: Mapping[str, Path] | None = None) -> Runners:
    """The embedded backbone and those of further folders, whose own tasks are in the registry."""
    backbone = _backbone()
    ensure_embed(registry, backbone)
    others = [
        Further.locate(key, BackboneConfig(source=str(folder)))
        for key, folder in (further or {}).items()
    ]
    for each in others:
        ensure_embed(registry, each, each.embed_task)
    return Runners(backbone, further=others)
