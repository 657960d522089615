"""The applications, asked from the command line."""

from typing import Annotated

import typer

from services.cli.commands.options import ApiKey, Url, url_of

app = typer.Typer()


@app.command()
def ask(
    question: str,
    kb: Annotated[str | None, typer.Option(help="A knowledge base other than the default.")] = None,
    stream: Annotated[bool, typer.Option(help="Print the answer while it is written.")] = False,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Ask the support chat; prints the answer, its citations and its confidence."""
    from services.cli.ask import ask as put
    from services.cli.client import Platform

    with Platform(url_of(url), key) as platform:
        put(platform, question, kb, stream=stream)


@app.command()
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
    from services.cli.analyze import analyze as judge
    from services.cli.client import Platform

    with Platform(url_of(url), key) as platform:
        judge(platform, text, entity or None)


@app.command()
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
    from services.cli.client import Platform
    from services.cli.rank import DEFAULT_COUNT, RankQuery, show

    if count is None and not item:
        count = DEFAULT_COUNT
    with Platform(url_of(url), key) as platform:
        question = RankQuery(user, model, tuple(item or ()), count)
        show(platform, question, click=click, explain=explain)
