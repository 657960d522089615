"""`banyan analyze`: what one text says, as a whole and of each company in it."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.options import ApiKey, Url, connected
from shared.sentiment.labels import LABELS

if TYPE_CHECKING:
    from services.cli.news.answers import Score

COLOURS = {"negative": "red", "neutral": "yellow", "positive": "green"}


def analyze(
    text: Annotated[str, typer.Argument(help="A headline or a longer text.")],
    entity: Annotated[
        list[str] | None,
        typer.Option(help="Judge this name; may be repeated. Without any, names are found."),
    ] = None,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Judge a text and the companies in it: negative, neutral or positive."""
    from services.cli.news.answers import Analysis

    request: dict[str, object] = {"texts": [text]}
    if entity:
        request["entities"] = [entity]
    with connected(url, key) as platform:
        answer = platform.post("/sentiment/analyze", request)
    analysis = Analysis.model_validate(answer["data"][0])
    table = Table("about", "label", *LABELS, box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    _add(table, "[dim]the whole text[/]", analysis)
    for named in analysis.entities:
        _add(table, escape(named.about), named)
    console = Console(highlight=False)
    console.print(table)
    if not analysis.entities:
        console.print("no name was found in it: give one with --entity NAME", style="dim")


def _add(table: Table, about: str, score: "Score") -> None:
    label = f"[{COLOURS[score.label]}]{score.label}[/]"
    table.add_row(about, label, *(f"{score.scores[name]:.3f}" for name in LABELS))
