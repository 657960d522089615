"""`banyan analyze`: what one text says, as a whole and of each company in it."""

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.client import Platform
from shared.sentiment.labels import LABELS

COLOURS = {"negative": "red", "neutral": "yellow", "positive": "green"}


class Score(BaseModel):
    """A label and the probability of each."""

    label: str
    scores: dict[str, float]


class EntityScore(Score):
    """What the text says of one name; `entity` is the name under which it is counted."""

    text: str
    entity: str

    @property
    def about(self) -> str:
        """The name in the text, and whom it means where that has another name."""
        return self.text if self.text == self.entity else f"{self.text} ({self.entity})"


class Analysis(Score):
    """What a text says, and of whom."""

    entities: list[EntityScore]


def analyze(platform: Platform, text: str, entities: list[str] | None) -> None:
    """Prints the text's label and probabilities, then those of each entity.

    Raises:
        PlatformError: the platform does not answer, or refuses.
    """
    request: dict[str, object] = {"texts": [text]}
    if entities:
        request["entities"] = [entities]
    answer = platform.post("/sentiment/analyze", request)
    analysis = Analysis.model_validate(answer["data"][0])
    table = Table("about", "label", *LABELS, box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    _add(table, "[dim]the whole text[/]", analysis)
    for entity in analysis.entities:
        _add(table, escape(entity.about), entity)
    console = Console(highlight=False)
    console.print(table)
    if not analysis.entities:
        console.print("no name was found in it: give one with --entity NAME", style="dim")


def _add(table: Table, about: str, score: Score) -> None:
    label = f"[{COLOURS[score.label]}]{score.label}[/]"
    table.add_row(about, label, *(f"{score.scores[name]:.3f}" for name in LABELS))
