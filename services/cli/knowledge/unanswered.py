"""`banyan support unanswered`: what people asked and the help pages did not answer."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.options import ApiKey, Url, connected

_PATH = "/support/unanswered"


def unanswered(
    kb: Annotated[str | None, typer.Option("--kb", help="Of this knowledge base alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many are shown.")] = 20,
    delete: Annotated[
        str | None, typer.Option("--delete", help="Delete the one of this id instead.")
    ] = None,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """List the questions that were not answered: the most often asked first, then the latest."""
    console = Console(highlight=False)
    with connected(url, key) as platform:
        if delete is not None:
            platform.delete(f"{_PATH}/{quote(delete, safe='')}")
            console.print(f"deleted {delete}", markup=False)
            return
        query: dict[str, str | int] = {"limit": limit}
        if kb is not None:
            query["knowledge_base"] = kb
        found = platform.get(_PATH, **query)
    if not found["questions"]:
        console.print("no question was left without an answer")
        return
    console.print(_table(found["questions"]))
    if found["next"] is not None:
        console.print(f"and more: --limit shows more than {limit}", style="dim")


def _table(questions: list[dict[str, Any]]) -> Table:
    table = Table("times", "asked (UTC)", "knowledge base", "question", "id", box=None)
    table.columns[0].justify = "right"
    for one in questions:
        earlier = "".join(f"[dim]{escape(turn)}[/]\n" for turn in one["earlier"])
        reason = one["kind"] if one["reason"] is None else f"{one['kind']}: {one['reason']}"
        offered = ", ".join([reason, *one["suggestions"]])
        table.add_row(
            str(one["times"]),
            f"{datetime.fromtimestamp(one['asked_at'], UTC):%Y-%m-%d %H:%M}",
            escape(one["knowledge_base"]),
            f"{earlier}{escape(one['question'])}\n[dim]{escape(offered)}[/]",
            one["id"],
        )
    return table
