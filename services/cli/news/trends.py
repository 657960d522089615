"""Who is in the news and how it is judged, as the platform tells it, in a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from services.cli.client import Platform
    from services.cli.news.answers import Counts, Point

_BARS = "▁▂▃▄▅▆▇█"
_POINTS = 24
_CLEAR_SCORE = 0.2


@dataclass(frozen=True, slots=True)
class Trend:
    """An entity's counts of all days, and its last hours; the entity '' stands for all news."""

    counts: "Counts"
    points: "Sequence[Point]"


def trends(platform: "Platform", limit: int) -> list[Trend]:
    """All news, then the entities that were named most often."""
    from services.cli.news.answers import Counts

    listed = platform.get("/sentiment/entities", limit=limit)["entities"]
    days = _points(platform, "", "1d")
    all_news = Counts(
        entity="",
        total=sum(day.total for day in days),
        negative=sum(day.negative for day in days),
        positive=sum(day.positive for day in days),
    )
    found = [all_news, *map(Counts.model_validate, listed)]
    return [Trend(counts, _points(platform, counts.entity, "1h")) for counts in found]


def has_news(platform: "Platform") -> bool:
    """Whether any text was ever scored, from whatever topic."""
    return any(day.total for day in _points(platform, "", "1d"))


def trend_table(rows: Sequence[Trend]) -> Table:
    """A row for each entity; a bar's height is the number of texts, its colour how they are."""
    names = ("about", "texts", "negative", "positive", f"last {_POINTS} hours with news")
    table = Table(*names, box=None, pad_edge=False)
    for column in table.columns[1:4]:
        column.justify = "right"
    for row in rows:
        entity, total = row.counts.entity, row.counts.total
        about = escape(entity) if entity else "[bold]all news[/]"
        judged = (row.counts.negative, row.counts.positive)
        shares = (f"{count / total:.0%}" if total else "" for count in judged)
        table.add_row(about, str(total), *shares, _bars(row.points))
    return table


def _points(platform: "Platform", entity: str, window: str) -> "list[Point]":
    from services.cli.news.answers import Point

    answer = platform.get("/sentiment/trends", entity=entity, window=window)
    return [Point.model_validate(point) for point in answer["points"]]


def _bars(points: "Sequence[Point]") -> Text:
    shown = points[-_POINTS:]
    highest = max((point.total for point in shown), default=0)
    text = Text()
    for point in shown:
        if point.total == 0 or point.score is None:
            text.append(" ")
            continue
        bar = _BARS[(point.total * len(_BARS) - 1) // highest]
        text.append(bar, style=_colour(point.score))
    return text


def _colour(score: float) -> str:
    if score <= -_CLEAR_SCORE:
        return "red"
    return "green" if score >= _CLEAR_SCORE else "yellow"
