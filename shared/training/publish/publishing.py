"""A trained model becomes a bundle, and the bundle gets a name."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from shared.artifacts.aliases import CANDIDATE
from shared.metrics.metric import Metric
from shared.models.backbone import Backbone
from shared.models.bundle import MODEL, BackboneRef, Bundle, Calibration, Manifest, Method
from shared.models.registry import Registry
from shared.models.tasks import TaskKind
from shared.training.methods.model import TunedModel
from shared.training.tasks.trained import Measured


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model is, and what it was made from and by: fields of its manifest."""

    task: str
    method: Method
    labels: tuple[str, ...]
    max_length: int
    data_fingerprint: str
    command: str
    kind: TaskKind = TaskKind.CLASSIFY
    multi_label: bool = False
    licence: str | None = None
    attribution: str | None = None


def write_trained(
    root: Path, model: TunedModel, backbone: Backbone, origin: Origin, measured: Measured, card: str
) -> Bundle:
    """Writes the bundle of a model with its card below `root`, whole or not at all.

    The metrics of dev stand in its manifest by their names, those of other sets, choice and gate
    too, as `<set>.<name>`.
    """
    served = measured.served
    manifest = Manifest(
        **asdict(origin),
        backbone=BackboneRef(name=backbone.name, sha256=backbone.sha256),
        tokenizer_sha256=backbone.tokenizer_sha256,
        prefixes=backbone.prefixes,
        metrics={name: Metric(**asdict(each)) for name, each in measured.metrics().items()},
        calibration=Calibration(
            temperature=served.temperature, no_answer_bias=served.no_answer_bias
        ),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )

    def write_files(folder: Path) -> None:
        model.save(folder, backbone.name, backbone.folder)
        (folder / "README.md").write_text(card, "utf-8")

    return MODEL.write(root, manifest, write_files)


def publish(registry: Registry, folder: Path) -> Bundle:
    """Registers a bundle as its task's candidate; the gates of `pipelines.promote` come next.

    Raises:
        ArtifactError: the registry refuses the bundle; no alias was changed.
    """
    bundle = registry.register(folder)
    registry.set_alias(bundle.manifest.task, CANDIDATE, bundle.id)
    return bundle
