"""`banyan kb`."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.options import ApiKey, Url, url_of

app = typer.Typer(no_args_is_help=True, help="Knowledge bases of the support application.")

KnowledgeBase = Annotated[str, typer.Option("--kb", help="The knowledge base.")]


@app.command("load")
def kb_load(
    path: Annotated[Path, typer.Argument(help="A file or a folder: md, html, txt, csv, jsonl.")],
    kb: KnowledgeBase = "help-centre",
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Load documents; prints a line for each that is refused, and then ends with code 1."""
    from services.cli.client import Platform
    from services.cli.knowledge import load

    with Platform(url_of(url), key) as platform:
        raise typer.Exit(load(platform, path, kb))


@app.command("list")
def kb_list(url: Url = None, key: ApiKey = None) -> None:
    """List the knowledge bases."""
    from services.cli.client import Platform
    from services.cli.knowledge import show

    with Platform(url_of(url), key) as platform:
        show(platform)


@app.command("rebuild")
def kb_rebuild(kb: KnowledgeBase = "help-centre", url: Url = None, key: ApiKey = None) -> None:
    """Build a knowledge base's index anew from its documents."""
    from services.cli.client import Platform
    from services.cli.knowledge import rebuild

    with Platform(url_of(url), key) as platform:
        rebuild(platform, kb)
