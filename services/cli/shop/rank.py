"""`banyan rank`: the best items for a user, with reasons, and what one click changes."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.options import ApiKey, Url, connected

if TYPE_CHECKING:
    from services.cli.client import Platform
    from services.cli.shop.answers import Place, Ranking

FEEDBACK_PATH = "/recommend/feedback"
_DEFAULT_COUNT = 10
_SHOWN_FEATURES = 6


def rank(
    user: str,
    model: Annotated[str, typer.Option(help="Which ranker.")] = "default",
    count: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="How many are shown; 10, or all of --item."),
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(help="Rank this item; may be repeated. Without any, the best are found."),
    ] = None,
    click: Annotated[
        str | None, typer.Option(help="Tell of the user's click on this item, and show what moves.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the strongest features, too.")
    ] = False,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Rank items for a user, with the reasons; anybody may be a user, known or not."""
    if count is None and not item:
        count = _DEFAULT_COUNT
    query = RankQuery(user, model, tuple(item or ()), count)
    console = Console(highlight=False)
    before = None
    with connected(url, key) as platform:
        ranking = ask_ranking(platform, query)
        if click is not None:
            before = [place.item for place in ranking.items]
            send_click(platform, user, click)
            ranking = ask_ranking(platform, query)
            console.print(f"after a click of {user} on {click}:", markup=False)
    if not ranking.items:
        console.print("there is no item to rank: `banyan recommend load --items FILE` loads some")
        return
    console.print(_table(ranking.items, before, explain=explain))
    console.print(f"{model}, {ranking.took:.1f} ms", style="dim", markup=False)


@dataclass(frozen=True, slots=True)
class RankQuery:
    """For whom is ranked: the best of all items, or `items` in order; `count` None shows all."""

    user: str
    model: str = "default"
    items: tuple[str, ...] = ()
    count: int | None = None


def ask_ranking(platform: "Platform", query: RankQuery) -> "Ranking":
    """Asks for a ranking with reasons and features.

    Raises:
        PlatformError: the platform does not answer, refuses, or has no such model.
    """
    from services.cli.shop.answers import Ranking

    body: dict[str, object] = {"user": query.user, "explain": True}
    if query.items:
        body["items"] = [{"id": item} for item in query.items]
    if query.count is not None:
        body["count"] = query.count
    return Ranking.model_validate(platform.post(f"/recommend/rank/{query.model}", body))


def send_click(platform: "Platform", user: str, item: str) -> None:
    """Tells of a click that is made now; the next ranking knows of it."""
    click = {
        "event": "interaction",
        "id": uuid.uuid4().hex,
        "timestamp": round(time.time() * 1000),
        "type": "click",
        "user": user,
        "item": item,
    }
    platform.post(FEEDBACK_PATH, [click])


def _table(places: "Sequence[Place]", before: list[str] | None, *, explain: bool) -> Table:
    has_titles = any(place.title for place in places)
    shown = {"before": before is not None, "title": has_titles, "features": explain}
    table = Table(box=None, pad_edge=False)
    for name in ("", "before", "item", "title", "score", "why", "features"):
        if shown.get(name, True):
            table.add_column(name, justify="right" if name in ("", "before", "score") else "left")
    for number, place in enumerate(places, start=1):
        cells = [str(number)]
        if before is not None:
            is_new = place.item not in before
            cells.append("[green]new[/]" if is_new else str(before.index(place.item) + 1))
        cells.append(escape(place.item))
        if has_titles:
            cells.append(escape(place.title or ""))
        cells += [f"{place.score:.3f}", escape("; ".join(why.text for why in place.reasons or ()))]
        if explain:
            cells.append(f"[dim]{escape(_strongest(place.features or {}))}[/]")
        table.add_row(*cells)
    return table


def _strongest(features: dict[str, float | None]) -> str:
    """The features that are furthest from 0, by name and value."""
    known = [(name, value) for name, value in features.items() if value]
    known.sort(key=lambda pair: -abs(pair[1]))
    return ", ".join(f"{name} {value:.2f}" for name, value in known[:_SHOWN_FEATURES])
