"""A finished run becomes a bundle, and the bundle gets a name."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from shared.artifacts.aliases import CANDIDATE
from shared.files import write_atomic
from shared.metrics.metric import Metric
from shared.models.backbone import Backbone
from shared.models.bundle import MODEL, BackboneRef, Bundle, Calibration, Manifest
from shared.models.registry import Registry
from shared.training.methods.model import TunedModel
from shared.training.publish.card import Card, render


def write_trained(
    root: Path, model: TunedModel, backbone: Backbone, card: Card, finished_at_s: float
) -> Bundle:
    """Writes the bundle of a trained model below `root`, whole or not at all.

    The metrics of dev stand in its manifest by their names, those of other sets, choice and gate
    too, as `<set>.<name>`.
    """
    spec, data = card.chosen.spec, card.chosen.spec.settings.data
    manifest = Manifest(
        task=spec.settings.task,
        kind=spec.settings.kind,
        method=spec.settings.method,
        backbone=BackboneRef(name=backbone.name, sha256=backbone.sha256),
        tokenizer_sha256=backbone.tokenizer_sha256,
        max_length=spec.max_length,
        labels=spec.labels,
        multi_label=spec.settings.multi_label,
        data_fingerprint=spec.data_fingerprint,
        metrics={
            name: Metric(**asdict(interval)) for name, interval in card.measured.metrics().items()
        },
        calibration=Calibration(
            temperature=card.measured.served.temperature,
            no_answer_bias=card.measured.served.no_answer_bias,
        ),
        created_at=datetime.fromtimestamp(finished_at_s, UTC).isoformat(timespec="seconds"),
        command=card.command,
        licence=data.licence,
        attribution=data.attribution,
    )

    def write_files(folder: Path) -> None:
        model.save(folder, backbone.name, backbone.folder)
        write_atomic(folder / "README.md", render(card).encode())

    return MODEL.write(root, manifest, write_files)


def publish(registry: Registry, folder: Path) -> Bundle:
    """Registers a bundle as its task's candidate; the gates of `pipelines.promote` come next.

    Raises:
        ArtifactError: the registry refuses the bundle; no alias was changed.
    """
    bundle = registry.register(folder)
    registry.set_alias(bundle.manifest.task, CANDIDATE, bundle.id)
    return bundle
