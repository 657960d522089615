"""What a fine-tuning run can be told; the defaults live here alone."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from shared.config import Settings
from shared.models.bundle import TaskName
from shared.models.source import BackboneConfig

Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=1)]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int) else value


Paths = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]
Seeds = Annotated[tuple[Seed, ...], BeforeValidator(_as_list), Field(min_length=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class DataSettings(Settings):
    """Labelled texts: JSON Lines or CSV, also gzipped; `{data_dir}` in a path is replaced."""

    train: Paths
    dev: Paths
    text: str = "text"
    label: str = "label"
    name: str | None = None
    licence: str | None = None
    attribution: str | None = None


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
    `patience` is how many epochs in a row may bring no better dev metric (none: never stops).
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
    metric: Literal["accuracy", "macro_f1"] = "accuracy"
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
    """One run of `pipelines.finetune`: a LoRA adapter and a linear head that classifies texts."""

    task: TaskName
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

    @property
    def registry_root(self) -> Path:
        """The folder of the registry that the bundle is written to."""
        return self.output.registry or self.state_dir / "models"

    def train_files(self) -> list[Path]:
        """The training files, with `{data_dir}` replaced."""
        return [self._path(path) for path in self.data.train]

    def dev_files(self) -> list[Path]:
        """The files to measure on, with `{data_dir}` replaced."""
        return [self._path(path) for path in self.data.dev]

    def _path(self, path: str) -> Path:
        return Path(path.replace("{data_dir}", str(self.data_dir)))
