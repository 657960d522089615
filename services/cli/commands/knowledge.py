"""`banyan kb`."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.options import ApiKey, Url, url_of

app = typer.Typer(no_args_is_help=True, help="Knowledge bases of the support application.")

KnowledgeBase = Annotated[str, typer.Option("--kb", help="The knowledge base.")]


@app.command("load")
def kb_load(
    path: Annotated[
        Path, typer.Argument(help="A file or a folder: md, html, txt, csv, tsv, jsonl.")
    ],
    kb: Annotated[
        str | None, typer.Option("--kb", help="The knowledge base; it is made if there is none.")
    ] = None,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Load documents; prints a line for each that is refused, and then ends with code 1."""
    from services.cli.client import Platform
    from services.cli.knowledge import load
    from shared.errors import InputError

    if kb is None:
        raise InputError(
            "which knowledge base is to be loaded? Name one of your own with --kb NAME, such as "
            f"`banyan kb load {path} --kb shop`; help-centre is the sample"
        )
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


@app.command("delete")
def kb_delete(
    kb: Annotated[str, typer.Argument(help="The knowledge base's name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Delete a knowledge base with all of its documents; asks first."""
    from services.cli.client import Platform
    from services.cli.knowledge import delete

    with Platform(url_of(url), key) as platform:
        raise typer.Exit(delete(platform, kb, (lambda _: True) if yes else typer.confirm))
