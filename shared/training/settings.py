"""What a fine-tuning run can be told; the defaults live here alone."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from shared.config import Settings
from shared.models.bundle import Method, TaskName
from shared.models.source import BackboneConfig
from shared.models.tasks import TaskKind
from shared.training.data.formats import PLAIN, format_names
from shared.training.data.settings import DataSettings, Share

Rate = Annotated[float, Field(gt=0, le=1)]

METRICS: dict[TaskKind, tuple[str, ...]] = {
    TaskKind.CLASSIFY: ("accuracy", "macro_f1"),
    TaskKind.TAG: ("span_f1",),
    TaskKind.SPAN: ("balanced_f1", "answerable_f1"),
    TaskKind.SCORE: ("mrr_at_10", "ndcg_at_10", "average_precision"),
    TaskKind.EMBED: ("mrr_at_10", "ndcg_at_10", "recall_at_10"),
}
"""The dev metrics that may choose the epoch of each kind; the first does, unless told otherwise."""

ENCODER_LEARNING_RATES = {Method.FULL: 5e-5, Method.PROMPT: 3e-2}
"""The rates of methods that need another than LoRA: `full` forgets what it knew at LoRA's."""

_MULTI_LABEL_METRICS = ("micro_f1", "macro_f1", "exact_match")


def metric_names(kind: TaskKind, multi_label: bool) -> tuple[str, ...]:
    """The dev metrics of a kind, see `METRICS`; where a text may have several classes, others."""
    return _MULTI_LABEL_METRICS if multi_label else METRICS[kind]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int) else value


Seed = Annotated[int, Field(ge=0, lt=1 << 32)]
Seeds = Annotated[tuple[Seed, ...], BeforeValidator(_as_list), Field(min_length=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class LoraSettings(Settings):
    """The adapter: `scaling` is alpha / rank, or alpha / sqrt(rank) with `rslora`.

    `target_modules` are names of linear layers as PEFT matches them (by their last parts);
    `all-linear` takes every linear layer of the backbone's transformer blocks. `strength`, of kind
    `embed`, is the share of the learned change that is kept at the end: less of it forgets less of
    what the backbone knew about other texts.

    Source of `strength`: https://arxiv.org/abs/2109.01903 (section 3).
    """

    rank: int = Field(default=16, ge=1, le=256)
    alpha: int = Field(default=32, ge=1, le=1024)
    rslora: bool = False
    dropout: Share = 0.0
    target_modules: Literal["all-linear"] | Names = "all-linear"
    strength: Annotated[float, Field(gt=0, le=1)] = 1.0


class PromptSettings(Settings):
    """Virtual tokens that are trained and stand before every text."""

    virtual_tokens: int = Field(default=16, ge=1, le=256)


class OptimisationSettings(Settings):
    """How the weights are found.

    `encoder_learning_rate` is that of what the method trains of the encoder or beside it; left out,
    it is the method's own, see `ENCODER_LEARNING_RATES`. `max_batch_tokens` counts the padded
    tokens of one step over all workers, so that the same configuration takes the same steps with
    any number of them; with `accumulation` they are computed in so many parts, which needs less
    memory and takes the same step. `warmup` is a share of the run. `similarity_scale` multiplies
    the cosines of kind `embed`: the higher, the more the documents nearest to a query count.
    `attention_dropout` is the backbone's own unless it is given: without any (0) attention is one
    fused kernel, which texts of 100 and more tokens are trained faster with, and shorter ones on a
    CPU slower. A backbone of its own that comes of it has it too.
    `metric` of choice (or dev) chooses the epoch (none: the kind's first, see `METRICS`);
    `patience` is how many epochs in a row may bring no better one (none: never stops).
    """

    epochs: PositiveInt = 8
    encoder_learning_rate: Rate = 1e-3
    head_learning_rate: Rate = 5e-3
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.01
    warmup: Share = 0.06
    schedule: Literal["cosine", "linear"] = "cosine"
    max_batch_tokens: int = Field(default=1024, ge=64, le=1 << 22)
    accumulation: int = Field(default=1, ge=1, le=1024)
    label_smoothing: Share = 0.1
    similarity_scale: Annotated[float, Field(gt=0, le=1000)] = 20.0
    class_weights: Literal["none", "balanced"] = "none"
    attention_dropout: Share | None = None
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
    """One checkpoint an epoch, and one every `every_steps` within it (none: only at its end).

    The newest `keep` and the best one stay. `max_failures` is how often the workers are started
    again within one run.
    """

    keep: int = Field(default=2, ge=2, le=100)
    every_steps: PositiveInt | None = None
    max_failures: int = Field(default=2, ge=0, le=100)


class WandbSettings(Settings):
    """Weights & Biases; `offline` writes files that `wandb sync` sends later."""

    project: Annotated[str, Field(min_length=1, max_length=128)] = "banyan"
    mode: Literal["online", "offline", "disabled"] = "online"


class TrackingSettings(Settings):
    """Where the run's curves go, beside the terminal: below `<state_dir>/tracking`."""

    tensorboard: bool = True
    wandb: WandbSettings | None = None


class RejectionSettings(Settings):
    """The label that means "none of the others", such as `oos`, and how often it is said.

    Of all thresholds it gets the one that finds most of its examples while the accuracy of the
    others on calibration (or dev) stays at `in_scope_accuracy`; see `tasks.classify.rejection`.
    """

    label: str
    in_scope_accuracy: Annotated[float, Field(gt=0, lt=1)]


class OutputSettings(Settings):
    """Where the bundle goes; `registry` is `<state_dir>/models` unless it is given.

    `registry: shared/models/shipped` writes a bundle that ships with the project.
    """

    registry: Path | None = None


class FinetuneSettings(Settings):
    """One run of `pipelines.finetune`: one task on a backbone, by one method.

    `lora` is an adapter and a head, `full` a backbone of its own and a head, `head` a head alone,
    `prompt` virtual tokens and a head; a task of kind `embed` has no head. With `multi_label` a
    text may have several classes, or none. Of kind `span`, "no answer" begins where `balanced_f1`
    is best on calibration (or dev); or, with `unanswerable_accuracy`, where as many as possible are
    answered while this share of its questions without an answer gets none.
    """

    task: TaskName
    kind: TaskKind = TaskKind.CLASSIFY
    method: Method = Method.LORA
    multi_label: bool = False
    backbone: BackboneConfig = BackboneConfig()
    data: DataSettings
    max_length: Annotated[int, Field(ge=8)] | None = None
    lora: LoraSettings = LoraSettings()
    prompt: PromptSettings = PromptSettings()
    optimisation: OptimisationSettings = OptimisationSettings()
    rejection: RejectionSettings | None = None
    unanswerable_accuracy: Annotated[float, Field(gt=0, lt=1)] | None = None
    workers: WorkerSettings = WorkerSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    tracking: TrackingSettings = TrackingSettings()
    output: OutputSettings = OutputSettings()
    data_dir: Path = Path("../shared/data")
    state_dir: Path = Path("var")

    @model_validator(mode="before")
    @classmethod
    def _rate_of_method(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        rate = ENCODER_LEARNING_RATES.get(values.get("method", Method.LORA))
        optimisation = values.get("optimisation", {})
        if rate is None or not isinstance(optimisation, dict):
            return values
        return values | {"optimisation": {"encoder_learning_rate": rate} | optimisation}

    @model_validator(mode="after")
    def _parts_belong_together(self) -> "FinetuneSettings":
        faults = [*self._method_faults(), *self._kind_faults()]
        if len(set(self.optimisation.seeds)) != len(self.optimisation.seeds):
            faults.append("optimisation.seeds: a seed stands twice")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _method_faults(self) -> list[str]:
        embeds = self.kind is TaskKind.EMBED
        faults = []
        if self.method is Method.NONE:
            faults.append("method none trains nothing: choose lora, full, head or prompt")
        if self.method is Method.HEAD and embeds:
            faults.append("method head: a task of kind embed has no head: choose lora")
        if self.lora.strength < 1 and not (embeds and self.method is Method.LORA):
            faults.append(
                "lora.strength: only an adapter of kind embed is weakened; a head has learned with "
                "the whole change: leave it out"
            )
        if embeds and self.optimisation.accumulation > 1:
            faults.append(
                "optimisation.accumulation: examples of kind embed learn from all others of their "
                "batch, which parts would not see: lower max_batch_tokens instead"
            )
        return faults

    def _kind_faults(self) -> list[str]:
        metrics, formats = metric_names(self.kind, self.multi_label), format_names(self.kind)
        faults = []
        if self.multi_label and self.kind is not TaskKind.CLASSIFY:
            faults.append(f"multi_label: kind {self.kind} knows no several classes: leave it out")
        if self.rejection is not None and not self._has_classes:
            faults.append("rejection: only one class of several can mean none of the others")
        if self.unanswerable_accuracy is not None and self.kind is not TaskKind.SPAN:
            faults.append(f"unanswerable_accuracy: kind {self.kind} answers no questions")
        if self.optimisation.class_weights != "none" and not self._has_classes:
            faults.append(
                "optimisation.class_weights: only classes that exclude each other are balanced: "
                "set none"
            )
        if self.metric not in metrics:
            faults.append(
                f"optimisation.metric {self.metric}: {self.kind} has {', '.join(metrics)}"
            )
        if self.kind is not TaskKind.TAG:
            faults += [
                f"data: {file.path} has types, but only kind tag has types of entities"
                for file in self.data.files()
                if file.types
            ]
        allowed = (PLAIN,) if self.multi_label else formats
        return faults + [
            f"data: {file.path} has the format {file.format}, but {self.kind} reads "
            f"{', '.join(allowed)}"
            for file in self.data.files()
            if file.format not in allowed
        ]

    @property
    def _has_classes(self) -> bool:
        """Whether each target is one of several classes."""
        return self.kind in (TaskKind.CLASSIFY, TaskKind.TAG) and not self.multi_label

    @property
    def metric(self) -> str:
        """The dev metric that chooses the epoch."""
        return self.optimisation.metric or metric_names(self.kind, self.multi_label)[0]

    @property
    def registry_root(self) -> Path:
        """The folder of the registry that the bundle is written to."""
        return self.output.registry or self.state_dir / "models"

    @property
    def data_folder(self) -> Path:
        """Where the data's report and its bad rows go."""
        return self.state_dir / "data" / self.task
