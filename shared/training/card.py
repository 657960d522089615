"""The model card: what a bundle is, what it was made from, and how good it is, in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.training.checkpoint import TrainingState
from shared.training.evaluation import Evaluation
from shared.training.run_folder import RunSpec

METRIC_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "ece_before": "expected calibration error, before",
    "ece_after": "expected calibration error, after (cross-fitted)",
}


@dataclass(frozen=True, slots=True)
class Finished:
    """One seed's run and how it ended."""

    spec: RunSpec
    state: TrainingState

    @property
    def score(self) -> float:
        """The dev metric of the best epoch."""
        best = self.state.history[self.state.best_epoch]
        return float(getattr(best, self.spec.settings.optimisation.metric))


@dataclass(frozen=True, slots=True)
class Card:
    """What the card tells of one bundle; `runs` are all seeds, `chosen` the one it holds."""

    chosen: Finished
    runs: Sequence[Finished]
    backbone_name: str
    train_rows: int
    dev_rows: int
    evaluation: Evaluation
    command: str


def render(card: Card) -> str:
    """The card as Markdown."""
    settings = card.chosen.spec.settings
    return "\n".join(
        [
            f"# {settings.task}",
            "",
            f"A LoRA adapter and a linear head on {card.backbone_name} that put a text into one "
            f"of {len(card.chosen.spec.labels)} classes.",
            "",
            "## Data",
            "",
            *_data_lines(card),
            "",
            f"## Figures on dev ({card.dev_rows:,} examples)",
            "",
            "| measure | value | 95 % confidence interval |",
            "|---|---|---|",
            *(
                f"| {METRIC_NAMES[name]} | {metric.value:.4f} | "
                f"{metric.low:.4f} to {metric.high:.4f} |"
                for name, metric in card.evaluation.metrics.items()
            ),
            "",
            "The epoch was chosen on these examples, and the temperature "
            f"({card.evaluation.temperature:.3f}) fitted on them; the intervals are bootstrap "
            "percentiles over them (1,000 resamples).",
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
            "## Classes",
            "",
            ", ".join(f"`{label}`" for label in card.chosen.spec.labels),
            "",
        ]
    )


def _data_lines(card: Card) -> list[str]:
    spec, data = card.chosen.spec, card.chosen.spec.settings.data
    return [
        f"- {data.name or 'Labelled texts'}: {card.train_rows:,} examples to train on",
        f"- licence: {data.licence or 'not stated'}",
        f"- attribution: {data.attribution or 'none given'}",
        f"- SHA-256 of the examples: `{spec.data_fingerprint}`",
    ]


def _seed_lines(card: Card) -> list[str]:
    metric = card.chosen.spec.settings.optimisation.metric
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
