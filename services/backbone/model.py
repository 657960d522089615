"""Starts the trunk in this process: threads, model, registry, encoder."""

import logging
import sys

from services.backbone.config import BackboneSettings
from services.backbone.cores import usable_cores
from shared.models.registry import open_registry
from shared.models.threads import bound_kernels, share_cores
from shared.serving.encoder import Encoder

LOGGER = logging.getLogger(__name__)

_SWITCH_INTERVAL_S = 0.0005
_KERNELS_KEPT = 256
_MOST_BATCHES = 8
"""So many threads share the interpreter's lock: with more cores several compute one batch."""


def start_encoder(settings: BackboneSettings) -> Encoder:
    """Loads the model and everything that the registry's champions need; takes some seconds.

    Raises:
        ArtifactError: a backbone is missing, corrupt or unsafe.
        ConfigError: two backbones are the same.
        DependencyError: Hugging Face does not give it.
    """
    share_cores()
    bound_kernels(_KERNELS_KEPT)
    # The model's thread needs the interpreter's lock before each operator; while the event loop
    # is busy it would wait for it up to Python's 5 ms (measured: 4 to 8 % of the throughput).
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    import torch

    from shared.models.backbone import Backbone
    from shared.models.backbones.further import Further
    from shared.models.builtin import ensure_embed
    from shared.models.runners import Runners

    backbone = Backbone.load(settings.backbone)
    cores = settings.threads or usable_cores()
    batches = min(cores, _MOST_BATCHES) if backbone.device.type == "cpu" else 1
    # Ray sets OMP_NUM_THREADS=1 for actors that reserve no whole CPU.
    torch.set_num_threads(cores // batches)
    registry = open_registry(settings.state_dir / "models")
    further = [Further.locate(key, config) for key, config in settings.backbones.items()]
    runners = Runners(backbone, settings.merged_tasks, further, language=settings.language)
    ensure_embed(registry, backbone)
    for each in further:
        ensure_embed(registry, each, each.embed_task)
    LOGGER.info(
        "the backbone is loaded",
        extra={
            "backbone": backbone.name,
            "sha256": backbone.sha256,
            "device": str(backbone.device),
            "precision": str(backbone.precision),
            "bytes": backbone.memory_bytes,
            "batches": batches,
            "threads": cores // batches,
            "further": {each.key: each.name for each in further},
        },
    )
    return Encoder(runners, registry, settings.encoder, threads=batches)
