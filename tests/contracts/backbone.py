"""The real embedded backbone, read once for all contracts."""

import functools

from shared.models.backbone import Backbone, BackboneConfig
from shared.models.builtin import ensure_embed
from shared.models.registry import Registry
from shared.models.runner import Runner


@functools.cache
def _backbone() -> Backbone:
    return Backbone.load(BackboneConfig())


def real_runner(registry: Registry) -> Runner:
    """A runner on the embedded backbone, whose own task is in the registry."""
    backbone = _backbone()
    ensure_embed(registry, backbone)
    return Runner(backbone)
