"""The model card: what a bundle is, what it was made from, and how good it is, in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

import numpy as np

from shared.metrics.bootstrap import Interval
from shared.models.bundle import Method
from shared.models.tasks import TaskKind
from shared.training.data.examples import NOTHING, Evaluation
from shared.training.data.formats import describe
from shared.training.data.settings import JUDGING, DataFile, SetPart
from shared.training.loop.checkpoint import TrainingState
from shared.training.loop.run_folder import RunSpec
from shared.training.settings import FinetuneSettings, OptimisationSettings

METRIC_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "exact_match": "all classes right",
    "span_f1": "span F1",
    "span_precision": "span precision",
    "span_recall": "span recall",
    "exact": "exact match",
    "f1": "F1",
    "answerable_exact": "exact match of the answerable",
    "answerable_f1": "F1 of the answerable",
    "unanswerable_accuracy": "accuracy of the unanswerable",
    "balanced_f1": "mean of F1 (answerable) and accuracy (unanswerable)",
    "mrr_at_10": "MRR@10",
    "ndcg_at_10": "nDCG@10",
    "recall_at_10": "recall@10",
    "average_precision": "average precision",
    "ece_before": "expected calibration error, before",
    "ece_after": "expected calibration error, after (cross-fitted)",
    "ece_raw": "expected calibration error, temperature 1",
    "ece": "expected calibration error",
}
# Of other sets than these, which may be small or of another kind, they would say little.
_OF_CALIBRATION = ("ece_raw", "ece")
_CALIBRATED = (SetPart.CHOICE, SetPart.GATE)


@dataclass(frozen=True, slots=True)
class Finished:
    """One seed's run and how it ended."""

    spec: RunSpec
    state: TrainingState

    @property
    def score(self) -> float:
        """The dev metric of the best epoch."""
        return self.state.history[self.state.best_epoch].metrics[self.spec.settings.metric]


@dataclass(frozen=True, slots=True)
class Card:
    """What the card tells of one bundle; `runs` are all seeds, `chosen` the one it holds.

    `evaluation` is of the set that chose the epoch, whose name is `chosen_on`; `calibrated_on` is
    that of the one with `calibration_rows` that temperature and threshold were fitted on. `notes`
    say what was done to keep the parts of the data apart.
    """

    chosen: Finished
    runs: Sequence[Finished]
    backbone_name: str
    train_rows: int
    evaluation: Evaluation
    command: str
    measured: Mapping[str, Evaluation] = field(default_factory=dict)
    chosen_on: str = SetPart.DEV.value
    calibrated_on: str = SetPart.DEV.value
    calibration_rows: int = 0
    notes: tuple[str, ...] = ()

    def metrics(self) -> dict[str, Interval]:
        """All figures by name: dev's, and those of each other set as `<set>.<name>`.

        There are none of the train set, where no row was left to choose the epoch by.
        """
        figures = {} if self.chosen_on == SetPart.TRAIN else {self.chosen_on: self.evaluation}
        figures |= self.measured
        return {
            name if set_name == SetPart.DEV else f"{set_name}.{name}": interval
            for set_name, evaluation in figures.items()
            for name, interval in evaluation.metrics.items()
            if name not in _OF_CALIBRATION or set_name in _CALIBRATED
        }


def render(card: Card) -> str:
    """The card as Markdown."""
    settings = card.chosen.spec.settings
    return "\n".join(
        [
            f"# {settings.task}",
            "",
            f"{_what(settings)} {card.backbone_name} to {_purpose(card)}.",
            "",
            "## Data",
            "",
            *_data_lines(card),
            "",
            "## Figures",
            "",
            "| set | measure | value | 95 % confidence interval | examples |",
            "|---|---|---|---|---|",
            *(_figure_line(name, metric) for name, metric in card.metrics().items()),
            "",
            f"{_chosen(card)} The intervals are bias-corrected bootstrap percentiles over "
            "the examples (1,000 resamples).",
            "",
            *_seed_lines(card),
            "",
            "## Training",
            "",
            *_training_lines(card),
            "",
            "```",
            card.command,
            "```",
            "",
            *_label_lines(card),
        ]
    )


def _what(settings: FinetuneSettings) -> str:
    """What was made of the backbone, up to its name."""
    head = "" if settings.kind is TaskKind.EMBED else " and a linear head"
    match settings.method:
        case Method.FULL:
            return f"A backbone of its own{head}, trained from"
        case Method.PROMPT:
            return f"{settings.prompt.virtual_tokens} virtual tokens{head} on"
        case Method.HEAD:
            return "A linear head on"
        case _:
            return f"A LoRA adapter{head} on"


def _purpose(card: Card) -> str:
    spec = card.chosen.spec
    match spec.settings.kind:
        case TaskKind.CLASSIFY if spec.settings.multi_label:
            return f"say which of {len(spec.labels)} classes a text has, none or several"
        case TaskKind.CLASSIFY:
            return f"put a text into one of {len(spec.labels)} classes"
        case TaskKind.TAG:
            return f"mark the entities of a text, of {len(spec.labels)} type(s)"
        case TaskKind.SPAN:
            return "find the answer to a question in a text, or say that there is none"
        case TaskKind.SCORE:
            return "score how well a document answers a query"
        case TaskKind.EMBED:
            return "embed texts, so that a query comes near what answers it"
        case kind:
            assert_never(kind)


def _chosen(card: Card) -> str:
    """What was chosen and fitted on which set, and which figures are those of unseen data."""
    by = "The epoch was" if len(card.runs) == 1 else "Epoch and seed were"
    lines = [f"{by} chosen on {card.chosen_on}{_at_full_strength(card)}{_fitted(card)}."]
    if card.chosen_on == SetPart.DEV:
        lines.append(
            "So dev's figures are measured on the same set that they were chosen on, and so are "
            "those of other sets of its files: they are too good for unseen data."
        )
    if SetPart.GATE in card.measured:
        lines.append(
            "gate decided nothing and shares nothing with the others: its figures are those of "
            "unseen data."
        )
    return " ".join(lines)


def _fitted(card: Card) -> str:
    if card.chosen.spec.settings.kind is TaskKind.EMBED:
        return ""
    evaluation, on = card.evaluation, card.calibrated_on
    fitted = f"the temperature ({evaluation.temperature:.3f})"
    if evaluation.no_answer_bias:
        fitted += f' and the bias of "no answer" ({evaluation.no_answer_bias:.3f})'
    if card.chosen.spec.settings.rejection is not None:
        fitted += " and the threshold of rejection"
    if on == NOTHING:
        return "; confidence is not calibrated (temperature 1)"
    if on == card.chosen_on:
        return f", and {fitted} fitted on it"
    return f", and {fitted} fitted on {on} ({card.calibration_rows:,} examples)"


def _at_full_strength(card: Card) -> str:
    weaker = card.chosen.spec.settings.lora.strength < 1
    return ", while all of the change was there" if weaker else ""


def _label_lines(card: Card) -> list[str]:
    spec = card.chosen.spec
    if not spec.labels:
        return []
    title = "Types of entities" if spec.settings.kind is TaskKind.TAG else "Classes"
    return [f"## {title}", "", ", ".join(f"`{label}`" for label in spec.labels), ""]


def _figure_line(name: str, metric: Interval) -> str:
    set_name, _, measure = name.rpartition(".")
    return (
        f"| {set_name or 'dev'} | {METRIC_NAMES[measure]} | {metric.value:.4f} | "
        f"{metric.low:.4f} to {metric.high:.4f} | {metric.n:,} |"
    )


def _data_lines(card: Card) -> list[str]:
    spec, data = card.chosen.spec, card.chosen.spec.settings.data
    parts = JUDGING if data.four_parts else (SetPart.DEV,)
    measured = [
        f"- also measured: `{name}`: {_files(card, files)}" for name, files in data.measured.items()
    ]
    return [
        f"- {data.name or 'Data'}: {card.train_rows:,} examples to train on",
        f"- train: {_files(card, data.train)}",
        *(f"- {part}: {_source(card, part)}" for part in parts),
        *measured,
        *(f"- {note}" for note in card.notes),
        f"- licence: {data.licence or 'not stated'}",
        f"- attribution: {data.attribution or 'none given'}",
        f"- SHA-256 of the examples: `{spec.data_fingerprint}`",
    ]


def _source(card: Card, part: SetPart) -> str:
    """Where a part comes from: its files, or how it was parted from train."""
    data = card.chosen.spec.settings.data
    files: Sequence[DataFile] = getattr(data, part)
    if files or data.split is None:
        return _files(card, files)
    values = {"by": data.split.by} | dict(data.split.parts())
    values |= {key: column for key, column in data.split if key == "column" and column}
    return f"a part of train, split {', '.join(f'{key}: {value}' for key, value in values.items())}"


def _files(card: Card, files: Sequence[DataFile]) -> str:
    """File names, and what their rows were read as."""
    kind = card.chosen.spec.settings.kind
    return "; ".join(
        f"{file.path.rpartition('/')[2]} ({describe(kind, file.format)})" for file in files
    )


def _seed_lines(card: Card) -> list[str]:
    metric = card.chosen.spec.settings.metric
    lines = [f"One seed was trained: {card.chosen.spec.seed}."]
    if len(card.runs) > 1:
        scores = np.array([run.score for run in card.runs])
        listed = ", ".join(f"{run.spec.seed}: {run.score:.4f}" for run in card.runs)
        lines = [
            f"Seeds and their {metric} on {card.chosen_on}{_at_full_strength(card)} ({listed}): "
            f"mean {scores.mean():.4f}, standard deviation {scores.std(ddof=1):.4f}. This bundle "
            f"holds seed {card.chosen.spec.seed}, the best."
        ]
    return lines


def _training_lines(card: Card) -> list[str]:
    settings, history = card.chosen.spec.settings, card.chosen.state.history
    optimisation = settings.optimisation
    seconds = sum(score.seconds for score in history)
    speed = np.mean([score.tokens_per_s for score in history])
    rates = {
        "encoder": settings.method is not Method.HEAD and optimisation.encoder_learning_rate,
        "head": settings.kind is not TaskKind.EMBED and optimisation.head_learning_rate,
    }
    listed = " and ".join(f"{rate:g} ({name})" for name, rate in rates.items() if rate)
    parts = optimisation.accumulation
    return [
        f"- {_method_line(settings)}",
        f"- {len(history)} epochs of {optimisation.epochs}, the best is epoch "
        f"{card.chosen.state.best_epoch + 1}; AdamW, learning rates {listed}, "
        f"{optimisation.schedule} schedule, label smoothing {optimisation.label_smoothing:g}, "
        f"{optimisation.max_batch_tokens:,} tokens a step"
        f"{f' in {parts} parts' if parts > 1 else ''}{_attention(optimisation)}",
        f"- {seconds:,.0f} s, {speed:,.0f} tokens/s",
        "",
        "The command that made it:",
    ]


def _attention(optimisation: OptimisationSettings) -> str:
    share = optimisation.attention_dropout
    return "" if share is None else f", dropout {share:g} in the attention"


def _method_line(settings: FinetuneSettings) -> str:
    lora = settings.lora
    match settings.method:
        case Method.FULL:
            return "Every weight of the encoder was trained"
        case Method.PROMPT:
            return f"Prompt tuning: {settings.prompt.virtual_tokens} virtual tokens before a text"
        case Method.HEAD:
            return "The encoder stayed as it is"
        case _:
            return (
                f"LoRA of rank {lora.rank}, alpha {lora.alpha}"
                f"{', rank-stabilised' if lora.rslora else ''}, dropout {lora.dropout:g}, on "
                f"{_listed(lora.target_modules)}"
                f"{f'; {lora.strength:.0%} of the change is kept' if lora.strength < 1 else ''}"
            )


def _listed(target_modules: str | tuple[str, ...]) -> str:
    if isinstance(target_modules, str):
        return "every linear layer"
    return ", ".join(f"`{name}`" for name in target_modules)
