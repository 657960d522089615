"""A classifier that was made without epochs becomes a bundle with a card."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from shared.files import write_atomic
from shared.metrics.metric import Metric
from shared.models.backbone import Backbone
from shared.models.bundle import MODEL, BackboneRef, Bundle, Calibration, Manifest, Method
from shared.models.tasks import TaskKind
from shared.training.methods.model import TunedModel
from shared.training.tasks.trained import Measured


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a classifier is, how it was made and what it is worth.

    `how` are lines of Markdown.
    """

    task: str
    method: Method
    labels: tuple[str, ...]
    max_length: int
    how: Sequence[str]
    data_fingerprint: str
    command: str
    measured: Measured
    calibrated_on: str = "dev"
    licence: str | None = None
    attribution: str | None = None


def write_headed(
    root: Path, model: TunedModel, backbone: Backbone, recipe: Recipe, finished_at_s: float
) -> Bundle:
    """Writes the bundle of a `classify` model below `root`, whole or not at all."""
    manifest = Manifest(
        task=recipe.task,
        kind=TaskKind.CLASSIFY,
        method=recipe.method,
        backbone=BackboneRef(name=backbone.name, sha256=backbone.sha256),
        tokenizer_sha256=backbone.tokenizer_sha256,
        max_length=recipe.max_length,
        labels=recipe.labels,
        data_fingerprint=recipe.data_fingerprint,
        metrics={
            name: Metric(**asdict(interval)) for name, interval in recipe.measured.metrics().items()
        },
        calibration=Calibration(temperature=recipe.measured.served.temperature),
        created_at=datetime.fromtimestamp(finished_at_s, UTC).isoformat(timespec="seconds"),
        command=recipe.command,
        licence=recipe.licence,
        attribution=recipe.attribution,
    )

    def write_files(folder: Path) -> None:
        model.save(folder, backbone.name, backbone.folder)
        write_atomic(folder / "README.md", _card(recipe, backbone.name).encode())

    return MODEL.write(root, manifest, write_files)


def _card(recipe: Recipe, backbone_name: str) -> str:
    lines = [
        f"# {recipe.task}",
        "",
        f"Puts a text into one of {len(recipe.labels)} classes, on {backbone_name}.",
        "",
        *(f"- {line}" for line in recipe.how),
        f"- licence of the data: {recipe.licence or 'not stated'}",
        f"- attribution: {recipe.attribution or 'none given'}",
        f"- SHA-256 of what it was made from: `{recipe.data_fingerprint}`",
        "",
        "## Figures",
        "",
        *_figures(recipe),
        "",
        "The command that made it:",
        "",
        "```",
        recipe.command,
        "```",
        "",
        "## Classes",
        "",
        ", ".join(f"`{label}`" for label in recipe.labels),
        "",
    ]
    return "\n".join(lines)


def _figures(recipe: Recipe) -> list[str]:
    if not recipe.measured.sets:
        return [
            "Nothing was measured: no labelled texts were given. The probabilities are not "
            "calibrated (temperature 1)."
        ]
    return [
        *recipe.measured.table(),
        "",
        f"The temperature ({recipe.measured.served.temperature:.3f}) was fitted on "
        f"{recipe.calibrated_on}.",
    ]
