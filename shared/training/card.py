"""The model card: what a bundle is, what it was made from, and how good it is, in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from shared.metrics.bootstrap import Interval
from shared.models.tasks import TaskKind
from shared.training.checkpoint import TrainingState
from shared.training.examples import Evaluation
from shared.training.formats import describe
from shared.training.run_folder import RunSpec
from shared.training.settings import DataFile

METRIC_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "span_f1": "span F1",
    "span_precision": "span precision",
    "span_recall": "span recall",
    "ece_before": "expected calibration error, before",
    "ece_after": "expected calibration error, after (cross-fitted)",
}
# Other sets are not what the temperature was fitted on, and their own would say nothing of it.
_OF_CALIBRATION = ("ece_before", "ece_after")


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
    """What the card tells of one bundle; `runs` are all seeds, `chosen` the one it holds."""

    chosen: Finished
    runs: Sequence[Finished]
    backbone_name: str
    train_rows: int
    evaluation: Evaluation
    command: str
    measured: Mapping[str, Evaluation] = field(default_factory=dict)

    def metrics(self) -> dict[str, Interval]:
        """All figures by name: dev's, and those of each measured set as `<set>.<name>`."""
        return self.evaluation.metrics | {
            f"{set_name}.{name}": interval
            for set_name, evaluation in self.measured.items()
            for name, interval in evaluation.metrics.items()
            if name not in _OF_CALIBRATION
        }


def render(card: Card) -> str:
    """The card as Markdown."""
    settings = card.chosen.spec.settings
    return "\n".join(
        [
            f"# {settings.task}",
            "",
            f"A LoRA adapter and a linear head on {card.backbone_name} that {_purpose(card)}.",
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
            "The epoch was chosen on dev, and the temperature "
            f"({card.evaluation.temperature:.3f}) fitted on it; the intervals are bootstrap "
            "percentiles over the examples (1,000 resamples).",
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
            "## Classes" if settings.kind is TaskKind.CLASSIFY else "## Types of entities",
            "",
            ", ".join(f"`{label}`" for label in card.chosen.spec.labels),
            "",
        ]
    )


def _purpose(card: Card) -> str:
    spec = card.chosen.spec
    if spec.settings.kind is TaskKind.TAG:
        return f"mark the entities of a text, of {len(spec.labels)} type(s)"
    return f"put a text into one of {len(spec.labels)} classes"


def _figure_line(name: str, metric: Interval) -> str:
    set_name, _, measure = name.rpartition(".")
    return (
        f"| {set_name or 'dev'} | {METRIC_NAMES[measure]} | {metric.value:.4f} | "
        f"{metric.low:.4f} to {metric.high:.4f} | {metric.n:,} |"
    )


def _data_lines(card: Card) -> list[str]:
    spec, data = card.chosen.spec, card.chosen.spec.settings.data
    measured = [
        f"- also measured: `{name}`: {_files(card, files)}" for name, files in data.measured.items()
    ]
    return [
        f"- {data.name or 'Data'}: {card.train_rows:,} examples to train on",
        f"- train: {_files(card, data.train)}",
        f"- dev: {_files(card, data.dev)}",
        *measured,
        f"- licence: {data.licence or 'not stated'}",
        f"- attribution: {data.attribution or 'none given'}",
        f"- SHA-256 of the examples: `{spec.data_fingerprint}`",
    ]


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
            f"Seeds and their {metric} ({listed}): mean {scores.mean():.4f}, standard deviation "
            f"{scores.std(ddof=1):.4f}. This bundle holds seed {card.chosen.spec.seed}, the best."
        ]
    return lines


def _training_lines(card: Card) -> list[str]:
    settings, history = card.chosen.spec.settings, card.chosen.state.history
    lora, optimisation = settings.lora, settings.optimisation
    seconds = sum(score.seconds for score in history)
    speed = np.mean([score.tokens_per_s for score in history])
    return [
        f"- LoRA of rank {lora.rank}, alpha {lora.alpha}"
        f"{', rank-stabilised' if lora.rslora else ''}, dropout {lora.dropout:g}, on "
        f"{_listed(lora.target_modules)}",
        f"- {len(history)} epochs of {optimisation.epochs}, the best is epoch "
        f"{card.chosen.state.best_epoch + 1}; AdamW, learning rates "
        f"{optimisation.adapter_learning_rate:g} (adapter) and "
        f"{optimisation.head_learning_rate:g} (head), {optimisation.schedule} schedule, "
        f"label smoothing {optimisation.label_smoothing:g}, "
        f"{optimisation.max_batch_tokens:,} tokens a step",
        f"- {seconds:,.0f} s, {speed:,.0f} tokens/s",
        "",
        "The command that made it:",
    ]


def _listed(target_modules: str | tuple[str, ...]) -> str:
    if isinstance(target_modules, str):
        return "every linear layer"
    return ", ".join(f"`{name}`" for name in target_modules)
