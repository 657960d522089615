"""The platform itself: starting, stopping, looking at it, copying its state."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.options import ApiKey, DeploymentFile, StateDir, resolved

app = typer.Typer()


@app.command()
def up(
    file: DeploymentFile = None,
    host: Annotated[str | None, typer.Option(help="Another than loopback needs keys.")] = None,
    port: Annotated[int | None, typer.Option(help="[BANYAN_HTTP_PORT, 8000]")] = None,
    state_dir: StateDir = None,
    proxy: Annotated[
        str | None, typer.Option(help="auto, haproxy or serve [BANYAN_HTTP_PROXY, auto].")
    ] = None,
    cpus: Annotated[int | None, typer.Option(help="Cores for Ray; by default, all.")] = None,
    log_level: Annotated[str | None, typer.Option(help="[BANYAN_LOG_LEVEL, INFO]")] = None,
    sample: Annotated[
        bool, typer.Option(help="Load the sample help centre, news and shop where there is none.")
    ] = True,
) -> None:
    """Start the platform and stay until Ctrl-C or `banyan down`."""
    from services.cli.up import up as run

    overrides = {
        "http_host": host,
        "http_port": port,
        "state_dir": state_dir,
        "http_proxy": proxy,
        "num_cpus": cpus,
        "log_level": log_level,
    }
    deployment, settings = resolved(file, overrides)
    raise typer.Exit(run(settings, deployment, with_sample=sample))


@app.command()
def down(state_dir: StateDir = None) -> None:
    """Stop the platform; also clears what a killed one left."""
    from services.cli.down import down as stop

    typer.echo(stop(resolved(None, {"state_dir": state_dir})[1].state_dir))


@app.command()
def status(state_dir: StateDir = None, key: ApiKey = None) -> None:
    """Show what runs: addresses, readiness, processes, memory."""
    from services.cli.status import show_status

    raise typer.Exit(show_status(resolved(None, {"state_dir": state_dir})[1].state_dir, key))


@app.command()
def doctor(file: DeploymentFile = None) -> None:
    """Check this machine and say what to do; exit code 1 on a fault."""
    from services.cli.doctor import show_findings

    deployment, settings = resolved(file, {})
    raise typer.Exit(show_findings(settings, deployment))


@app.command()
def config(file: DeploymentFile = None) -> None:
    """Show every setting, its value, and where the value comes from."""
    from services.cli.settings_table import show_settings

    show_settings(file)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    state_dir: StateDir = None,
) -> None:
    """Copy databases, bundles, rankers, indexes and keys consistently; the platform may run."""
    from services.cli.backup import back_up

    typer.echo(back_up(resolved(None, {"state_dir": state_dir})[1], folder))


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `banyan backup` made.")],
    state_dir: StateDir = None,
) -> None:
    """Put a backup back in place of the present state; the platform must not run."""
    from services.cli.backup import restore as put_back

    typer.echo(put_back(resolved(None, {"state_dir": state_dir})[1], folder))


@app.command()
def purge(file: DeploymentFile = None, state_dir: StateDir = None) -> None:
    """Delete what is older than the settings allow, and shrink SQLite's files.

    The platform does the former by itself while it runs; with SQLite it must not run now.
    """
    from services.cli.purge import purge as delete

    deployment, settings = resolved(file, {"state_dir": state_dir})
    for line in delete(deployment, settings):
        typer.echo(line)


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(f"banyan {installed('banyan')}, ray {installed('ray')}, Python {sys.version[:6]}")
