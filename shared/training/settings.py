"""What a fine-tuning run can be told; the defaults live here alone."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from shared.config import Settings
from shared.models.bundle import TaskName
from shared.models.source import BackboneConfig
from shared.models.tasks import TaskKind
from shared.training.formats import PLAIN, format_names

Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=1)]

METRICS: dict[TaskKind, tuple[str, ...]] = {
    TaskKind.CLASSIFY: ("accuracy", "macro_f1"),
    TaskKind.TAG: ("span_f1",),
}
"""The kinds that are trained, and the dev metrics that may choose their epoch; the first does,
unless told otherwise."""


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int) else value


def _as_files(value: object) -> object:
    """One file or several, each a path or a mapping."""
    values = value if isinstance(value, list | tuple) else [value]
    return [{"path": each} if isinstance(each, str) else each for each in values]


class DataFile(Settings):
    """One file: JSON Lines or CSV, also gzipped; `{data_dir}` in its path is replaced.

    `format` names how its rows are read, see `shared.training.formats`.
    """

    path: str
    format: str = PLAIN


Files = Annotated[tuple[DataFile, ...], BeforeValidator(_as_files), Field(min_length=1)]
SetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]
Seeds = Annotated[tuple[Seed, ...], BeforeValidator(_as_list), Field(min_length=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class DataSettings(Settings):
    """What is trained on, what the epoch is chosen by, and named sets that are only measured.

    `text` and `label` are the columns of plain files, `second` that of a pair's second text.
    """

    train: Files
    dev: Files
    measured: dict[SetName, Files] = Field(default_factory=dict)
    text: str = "text"
    second: str | None = None
    label: str = "label"
    name: str | None = None
    licence: str | None = None
    attribution: str | None = None

    def files(self) -> list[DataFile]:
        """All files of all sets."""
        return [
            *self.train,
            *self.dev,
            *(file for files in self.measured.values() for file in files),
        ]


class LoraSettings(Settings):
    """The adapter: `scaling` is alpha / rank, or alpha / sqrt(rank) with `rslora`.

    `target_modules` are names of linear layers as PEFT matches them (by their last parts);
    `all-linear` takes every linear layer of the backbone's transformer blocks.
    """

    rank: int = Field(default=16, ge=1, le=256)
    alpha: int = Field(default=32, ge=1, le=1024)
    rslora: bool = False
    dropout: Share = 0.0
    target_modules: Literal["all-linear"] | Names = "all-linear"


class OptimisationSettings(Settings):
    """How the weights are found.

    `max_batch_tokens` counts the padded tokens of one step over all workers, so that the same
    configuration takes the same steps with any number of them. `warmup` is a share of the run.
    `metric` of dev chooses the epoch (none: the kind's first, see `METRICS`); `patience` is how
    many epochs in a row may bring no better one (none: never stops).
    """

    epochs: PositiveInt = 8
    adapter_learning_rate: Rate = 1e-3
    head_learning_rate: Rate = 5e-3
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.01
    warmup: Share = 0.06
    schedule: Literal["cosine", "linear"] = "cosine"
    max_batch_tokens: int = Field(default=1024, ge=64, le=1 << 22)
    label_smoothing: Share = 0.1
    class_weights: Literal["none", "balanced"] = "none"
    max_gradient_norm: float = Field(default=1.0, gt=0)
    metric: str | None = None
    patience: PositiveInt | None = None
    seeds: Seeds = (0,)


class WorkerSettings(Settings):
    """Where Ray Train runs; what is left out is chosen by the machine.

    `count` is one worker per GPU, or two on CPUs; `threads` shares the cores among the workers.
    `ray_address` names a running cluster (KubeRay); `local` starts one for this run.
    """

    count: Annotated[int, Field(ge=1, le=1024)] | None = None
    gpu: bool | None = None
    threads: PositiveInt | None = None
    ray_address: str = "local"


class CheckpointSettings(Settings):
    """One checkpoint an epoch: the newest `keep` and the best one stay.

    `max_failures` is how often the workers are started again within one run.
    """

    keep: int = Field(default=2, ge=2, le=100)
    max_failures: int = Field(default=2, ge=0, le=100)


class OutputSettings(Settings):
    """Where the bundle goes; `registry` is `<state_dir>/models` unless it is given.

    `registry: shared/models/shipped` writes a bundle that ships with the project.
    """

    registry: Path | None = None


class FinetuneSettings(Settings):
    """One run of `pipelines.finetune`: a LoRA adapter and a linear head for one task."""

    task: TaskName
    kind: TaskKind = TaskKind.CLASSIFY
    backbone: BackboneConfig = BackboneConfig()
    data: DataSettings
    max_length: Annotated[int, Field(ge=8)] | None = None
    lora: LoraSettings = LoraSettings()
    optimisation: OptimisationSettings = OptimisationSettings()
    workers: WorkerSettings = WorkerSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    output: OutputSettings = OutputSettings()
    data_dir: Path = Path("../shared/data")
    state_dir: Path = Path("var")

    @model_validator(mode="after")
    def _seeds_differ(self) -> "FinetuneSettings":
        if len(set(self.optimisation.seeds)) != len(self.optimisation.seeds):
            raise ValueError("optimisation.seeds: a seed stands twice")
        return self

    @model_validator(mode="after")
    def _kind_is_trained(self) -> "FinetuneSettings":
        metrics, formats = METRICS.get(self.kind), format_names(self.kind)
        if metrics is None:
            raise ValueError(f"kind {self.kind}: only {', '.join(METRICS)} are trained")
        if self.metric not in metrics:
            raise ValueError(
                f"optimisation.metric {self.metric}: {self.kind} has {', '.join(metrics)}"
            )
        for file in self.data.files():
            if file.format not in formats:
                raise ValueError(
                    f"data: {file.path} has the format {file.format}, but {self.kind} reads "
                    f"{', '.join(formats)}"
                )
        return self

    @property
    def metric(self) -> str:
        """The dev metric that chooses the epoch."""
        return self.optimisation.metric or METRICS[self.kind][0]

    @property
    def registry_root(self) -> Path:
        """The folder of the registry that the bundle is written to."""
        return self.output.registry or self.state_dir / "models"

    def path(self, file: DataFile) -> Path:
        """Where a file is, with `{data_dir}` replaced."""
        return Path(file.path.replace("{data_dir}", str(self.data_dir)))
