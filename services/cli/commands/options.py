"""Options that several commands have, and what their values stand for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from services.cli.config import Deployment, PlatformSettings
    from services.cli.keys import KeyFile
    from shared.config import Resolved

DeploymentFile = Annotated[
    Path | None, typer.Option("--file", "-f", help="What is deployed; see infra/serve/local.yaml.")
]
StateDir = Annotated[
    Path | None, typer.Option(help="Where the platform keeps its state [BANYAN_STATE_DIR, var].")
]
Url = Annotated[
    str | None,
    typer.Option(help="Where the platform answers; by default, the one on this machine."),
]
ApiKey = Annotated[
    str | None, typer.Option("--key", envvar="BANYAN_API_KEY", help="The key to send.")
]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE over the rest; may be repeated.")
]


def resolved(file: Path | None, overrides: dict[str, Any]) -> "tuple[Deployment, PlatformSettings]":
    """The deployment of a file, and the platform's settings."""
    deployment, found = _resolved(file, overrides)
    return deployment, found.settings


def _resolved(
    file: Path | None, overrides: dict[str, Any]
) -> "tuple[Deployment, Resolved[PlatformSettings]]":
    import os

    from services.cli.config import DEPLOYMENT_FILE, read_deployment, resolve_platform

    deployment = read_deployment(file or DEPLOYMENT_FILE)
    return deployment, resolve_platform(deployment, os.environ, overrides)


def state_dir_of(given: Path | None) -> Path:
    """The state folder given, or that of the settings."""
    return resolved(None, {"state_dir": given})[1].state_dir


def key_file_of(given: Path | None) -> "KeyFile":
    """The file of keys of the state folder given, or of the settings'.

    Raises:
        ConfigError: none is given, and the platform that runs has another one.
    """
    from services.cli.keys import find_key_file

    _, found = _resolved(None, {"state_dir": given})
    settings = found.settings
    is_named = "state_dir" in found.sources
    return find_key_file(settings.state_dir, is_named=is_named, url=settings.url)


def url_of(given: str | None) -> str:
    """The address given, that of the run in the state folder, or that of the settings."""
    if given is not None:
        return given.rstrip("/")
    from services.cli.run_file import StateFolder

    _, settings = resolved(None, {})
    run = StateFolder(settings.state_dir).read_run()
    return run.url if run is not None else settings.url
