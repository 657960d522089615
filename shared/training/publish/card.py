"""The model card: what a bundle is, what it was made from, and how good it is, in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.models.bundle import Method
from shared.training.data.settings import JUDGING, DataFile, SetPart
from shared.training.loop.checkpoint import TrainingState
from shared.training.loop.run_folder import RunSpec
from shared.training.settings import FinetuneSettings
from shared.training.tasks.trained import Measured
from shared.training.tasks.training_data import NOTHING


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

    `chosen_on` and `calibrated_on` are the names of the sets, the latter of `calibration_rows`,
    that chose the epoch and that temperature and threshold were fitted on. `notes` say what was
    done to keep the parts of the data apart.
    """

    chosen: Finished
    runs: Sequence[Finished]
    backbone_name: str
    train_rows: int
    measured: Measured
    command: str
    chosen_on: str = SetPart.DEV.value
    calibrated_on: str = SetPart.DEV.value
    calibration_rows: int = 0
    notes: tuple[str, ...] = ()


def render(card: Card) -> str:
    """The card as Markdown."""
    settings = card.chosen.spec.settings
    purpose = settings.task_kind.purpose.format(labels=len(card.chosen.spec.labels))
    return "\n".join(
        [
            f"# {settings.task}",
            "",
            f"{_what(settings)} {card.backbone_name} to {purpose}.",
            "",
            "## Data",
            "",
            *_data_lines(card),
            "",
            "## Figures",
            "",
            *card.measured.table(),
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
    head = " and a linear head" if settings.task_kind.has_head else ""
    match settings.method:
        case Method.FULL:
            return f"Its own backbone{head}, trained from"
        case Method.PROMPT:
            return f"{settings.prompt.virtual_tokens} virtual tokens{head} on"
        case Method.HEAD:
            return "A linear head on"
        case _:
            return f"A LoRA adapter{head} on"


def _chosen(card: Card) -> str:
    """What was chosen and fitted on which set, and which figures are those of unseen data."""
    by = "The epoch was" if len(card.runs) == 1 else "Epoch and seed were"
    lines = [f"{by} chosen on {card.chosen_on}{_at_full_strength(card)}{_fitted(card)}."]
    if card.chosen_on == SetPart.DEV:
        lines.append(
            "So dev's figures are measured on the same set that they were chosen on, and so are "
            "those of other sets of its files: they are too good for unseen data."
        )
    if SetPart.GATE in card.measured.sets:
        lines.append(
            "gate decided nothing and shares nothing with the others: its figures are those of "
            "unseen data."
        )
    return " ".join(lines)


def _fitted(card: Card) -> str:
    if not card.chosen.spec.settings.task_kind.has_head:
        return ""
    served, on = card.measured.served, card.calibrated_on
    fitted = f"the temperature ({served.temperature:.3f})"
    if served.no_answer_bias:
        fitted += f' and the bias of "no answer" ({served.no_answer_bias:.3f})'
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
    return [
        f"## {spec.settings.task_kind.labels}",
        "",
        ", ".join(f"`{label}`" for label in spec.labels),
        "",
    ]


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
    settings = card.chosen.spec.settings
    formats = settings.task_kind.formats(settings.data)
    return "; ".join(
        f"{file.path.rpartition('/')[2]} ({formats[file.format].examples})" for file in files
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
        "head": settings.task_kind.has_head and optimisation.head_learning_rate,
    }
    listed = " and ".join(f"{rate:g} ({name})" for name, rate in rates.items() if rate)
    parts = optimisation.accumulation
    shares = ((optimisation.dropout, ""), (optimisation.attention_dropout, " in the attention"))
    dropouts = "".join(f", dropout {share:g}{of}" for share, of in shares if share is not None)
    return [
        f"- {_method_line(settings)}",
        f"- {len(history)} epochs of {optimisation.epochs}, the best is epoch "
        f"{card.chosen.state.best_epoch + 1}; AdamW, learning rates {listed}, "
        f"{optimisation.schedule} schedule, label smoothing {optimisation.label_smoothing:g}, "
        f"{optimisation.max_batch_tokens:,} tokens a step"
        f"{f' in {parts} parts' if parts > 1 else ''}{dropouts}",
        f"- {seconds:,.0f} s, {speed:,.0f} tokens/s",
        "",
        "The command that made it:",
    ]


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
