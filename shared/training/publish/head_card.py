"""The card of a classifier that was made without epochs."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.training.publish.publishing import Origin
from shared.training.tasks.trained import Measured


@dataclass(frozen=True, slots=True)
class HeadCard:
    """How a classifier was made and what it is worth; `how` are lines of Markdown."""

    origin: Origin
    backbone_name: str
    how: Sequence[str]
    measured: Measured
    calibrated_on: str = "dev"


def render_head(card: HeadCard) -> str:
    """The card as Markdown."""
    origin = card.origin
    lines = [
        f"# {origin.task}",
        "",
        f"Puts a text into one of {len(origin.labels)} classes, on {card.backbone_name}.",
        "",
        *(f"- {line}" for line in card.how),
        f"- licence of the data: {origin.licence or 'not stated'}",
        f"- attribution: {origin.attribution or 'none given'}",
        f"- SHA-256 of what it was made from: `{origin.data_fingerprint}`",
        "",
        "## Figures",
        "",
        *_figures(card),
        "",
        "The command that made it:",
        "",
        "```",
        origin.command,
        "```",
        "",
        "## Classes",
        "",
        ", ".join(f"`{label}`" for label in origin.labels),
        "",
    ]
    return "\n".join(lines)


def _figures(card: HeadCard) -> list[str]:
    if not card.measured.sets:
        return [
            "Nothing was measured: no labelled texts were given. The probabilities are not "
            "calibrated (temperature 1)."
        ]
    return [
        *card.measured.table(),
        "",
        f"The temperature ({card.measured.served.temperature:.3f}) was fitted on "
        f"{card.calibrated_on}.",
    ]
