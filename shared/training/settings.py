"""What a fine-tuning run can be told; the defaults live here alone."""

from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from shared.config import Settings
from shared.models.backbone import Dropouts
from shared.models.bundle import Method, TaskName
from shared.models.source import BackboneConfig
from shared.models.tasks import TaskKind
from shared.training.data.settings import DataSettings, Share
from shared.training.remedies.configured import Remedy, remedy_faults
from shared.training.tasks.kind import Kind
from shared.training.tasks.kinds import find_kind, kind_of

Rate = Annotated[float, Field(gt=0, le=1)]

ENCODER_LEARNING_RATES = {Method.FULL: 5e-5, Method.PROMPT: 3e-2}
"""The rates of methods that need another than LoRA: `full` forgets what it knew at LoRA's."""


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

    `start` is the folder of a bundle whose adapter, of the same backbone, rank and layers, training
    begins with: what it learned about one task helps another. The head begins with nothing.

    Source of `strength`: https://arxiv.org/abs/2109.01903 (section 3).
    """

    rank: int = Field(default=16, ge=1, le=256)
    alpha: int = Field(default=32, ge=1, le=1024)
    rslora: bool = False
    dropout: Share = 0.0
    target_modules: Literal["all-linear"] | Names = "all-linear"
    strength: Annotated[float, Field(gt=0, le=1)] = 1.0
    start: Path | None = None


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
    `objective` of kind `score`: each document of a query is judged by itself, or all of them as a
    list of which one is right, or none. Of lists that a teacher has scored (`pipelines.distil`) the
    loss is to `teacher_weight` how far the student is from the teacher, at `teacher_temperature`,
    and to the rest that of the labels; 0 learns from the labels alone.
    `dropout` of hidden states and `attention_dropout` are the backbone's own unless they are given.
    Without any (0) training is faster: on a GPU attention is one fused kernel, and a processor
    draws no random numbers. A backbone that comes of it has them too.
    `metric` of choice (or dev) chooses the epoch (none: the kind's first);
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
    objective: Literal["pairs", "lists"] = "pairs"
    teacher_weight: Annotated[float, Field(ge=0, le=1)] = 0.0
    teacher_temperature: Annotated[float, Field(gt=0, le=100)] = 1.0
    dropout: Share | None = None
    attention_dropout: Share | None = None
    max_gradient_norm: float = Field(default=1.0, gt=0)
    metric: str | None = None
    patience: PositiveInt | None = None
    seeds: Seeds = (0,)

    @property
    def dropouts(self) -> Dropouts:
        """What replaces the backbone's own."""
        return Dropouts(self.dropout, self.attention_dropout)


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

    `lora` is an adapter and a head, `full` its own backbone and a head, `head` a head alone,
    `prompt` virtual tokens and a head; a task of kind `embed` has no head. With `multi_label` a
    text may have several classes, or none. Of kind `span`, "no answer" begins where `balanced_f1`
    is best on calibration (or dev); or, with `unanswerable_accuracy`, where as many as possible are
    answered while this share of its questions without an answer gets none. Of train `examples` at
    most, or `examples_per_class` of each class, are drawn by the seed (none: all are taken).
    `remedies` are answers to scarce data, bias or forgetting, see `shared.training.remedies`.
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
    examples: Annotated[int, Field(ge=2)] | None = None
    examples_per_class: Annotated[int, Field(ge=2)] | None = None
    remedies: tuple[Remedy, ...] = ()
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
        faults = [
            *self._method_faults(),
            *self._kind_faults(),
            *remedy_faults(self.remedies, self.kind, self.method),
        ]
        if len(set(self.optimisation.seeds)) != len(self.optimisation.seeds):
            faults.append("optimisation.seeds: a seed stands twice")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _method_faults(self) -> list[str]:
        faults = []
        if self.method is Method.NONE:
            faults.append("method none trains nothing: choose lora, full, head or prompt")
        if self.method is Method.HEAD and not self.task_kind.has_head:
            faults.append(f"method head: a task of kind {self.kind} has no head: choose lora")
        if self.lora.strength < 1 and self.method is not Method.LORA:
            faults.append("lora.strength: only an adapter of kind embed is weakened: leave it out")
        return faults

    def _kind_faults(self) -> list[str]:
        kind = self.task_kind
        formats = kind.formats(self.data)
        faults = [
            f"{key}: {fault.format(kind=self.kind)}"
            for key, unset, fault in _OPTIONS
            if key.rpartition(".")[2] not in kind.options and attrgetter(key)(self) != unset
        ]
        if self.multi_label and not kind.multi_label:
            faults.append(f"multi_label: kind {self.kind} knows no several classes: leave it out")
        optimisation = self.optimisation
        if optimisation.teacher_weight and optimisation.objective != "lists":
            faults.append(
                "optimisation.teacher_weight: a teacher is learned from by lists: set "
                "optimisation.objective to lists"
            )
        if self.metric not in kind.metrics:
            faults.append(
                f"optimisation.metric {self.metric}: {self.kind} has {', '.join(kind.metrics)}"
            )
        if kind.retype is None:
            faults += [
                f"data: {file.path} has types, but only kind tag has types of entities"
                for file in self.data.files()
                if file.types
            ]
        return faults + [
            f"data: {file.path} has the format {file.format}, but {self.kind} reads "
            f"{', '.join(formats)}"
            for file in self.data.files()
            if file.format not in formats
        ]

    @property
    def task_kind(self) -> Kind[Any]:
        """All that is particular to the task's kind."""
        return find_kind(self.kind, self.multi_label) or kind_of(self.kind)

    @property
    def metric(self) -> str:
        """The dev metric that chooses the epoch."""
        return self.optimisation.metric or self.task_kind.metrics[0]

    @property
    def registry_root(self) -> Path:
        """The folder of the registry that the bundle is written to."""
        return self.output.registry or self.state_dir / "models"

    @property
    def data_folder(self) -> Path:
        """Where the data's report and its bad rows go."""
        return self.state_dir / "data" / self.task


_OPTIONS: tuple[tuple[str, object, str], ...] = (
    ("rejection", None, "only one class of several can mean none of the others"),
    ("unanswerable_accuracy", None, "kind {kind} answers no questions"),
    (
        "examples_per_class",
        None,
        "only texts with one class each are drawn by it: set examples instead",
    ),
    (
        "optimisation.class_weights",
        "none",
        "only classes that exclude each other are balanced: set none",
    ),
    (
        "optimisation.accumulation",
        1,
        "examples of kind {kind} learn from all others of their batch, which parts would not see: "
        "lower max_batch_tokens instead",
    ),
    (
        "optimisation.objective",
        "pairs",
        "only kind score has documents to choose from: leave it out",
    ),
    (
        "optimisation.teacher_weight",
        0.0,
        "only kind score learns from a teacher's scores: leave it out",
    ),
    (
        "optimisation.teacher_temperature",
        1.0,
        "only kind score learns from a teacher's scores: leave it out",
    ),
    (
        "lora.strength",
        1.0,
        "only an adapter of kind embed is weakened; a head has learned with the whole change: "
        "leave it out",
    ),
)
"""Settings that not every kind has, see `Kind.options`: the key, whose last part is the option's
name, its value where it is not set, and what is wrong with another where the kind has no such."""
