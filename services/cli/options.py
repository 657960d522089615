"""Options that several commands have, and what their values stand for."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from services.cli.client import Platform
    from services.cli.settings import Deployment, PlatformSettings
    from shared.config import Resolved, SettingsT

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
Config = Annotated[Path | None, typer.Option("--config", help="A YAML file of this run.")]
Text = Annotated[str | None, typer.Option(help="The column of the texts.")]
Label = Annotated[str | None, typer.Option(help="The column of the labels.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE over the rest; may be repeated.")
]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def resolved(
    file: Path | None, overrides: dict[str, Any]
) -> "tuple[Deployment, Resolved[PlatformSettings]]":
    """The deployment of a file, and the platform's settings with where each comes from."""
    from services.cli.settings import DEPLOYMENT_FILE, read_deployment, resolve_platform

    deployment = read_deployment(file or DEPLOYMENT_FILE)
    return deployment, resolve_platform(deployment, os.environ, overrides)


def platform_settings(
    state_dir: Path | None = None, file: Path | None = None
) -> "PlatformSettings":
    """The settings of the platform of the state folder given, or of the settings' own."""
    return resolved(file, {"state_dir": state_dir})[1].settings


def application_settings(
    model: "type[SettingsT]", file: Path | None, state_dir: Path | None
) -> "SettingsT | None":
    """The settings of the deployed application that has this model; None where none has."""
    from services.cli.settings import resolve_application

    deployment, platform = resolved(file, {"state_dir": state_dir})
    every = (
        resolve_application(entry, platform.settings).settings for entry in deployment.applications
    )
    return next((settings for settings in every if isinstance(settings, model)), None)


def served_backbone(key: str, file: Path | None, state_dir: Path | None) -> list[str]:
    """A further backbone of the deployment as assignments for a run of training.

    Raises:
        ConfigError: the deployment has none of this key.
    """
    from services.backbone.config import BackboneSettings
    from shared.errors import ConfigError

    served = application_settings(BackboneSettings, file, state_dir)
    further = {} if served is None else served.backbones
    if key not in further:
        has = f" (it has {', '.join(sorted(further))})" if further else ""
        raise ConfigError(
            f"--backbone {key}: the deployment has no such further backbone{has}: `banyan backbone "
            "fetch multilingual-e5-small` makes one; with BANYAN_BACKBONE__BACKBONES__ZH__SOURCE="
            "FOLDER, for `banyan up` too, it is zh"
        )
    values = further[key].model_dump(mode="json", exclude_defaults=True)
    return [
        f"backbone.{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in values.items()
    ]


@contextmanager
def connected(url: str | None, key: str | None) -> "Iterator[Platform]":
    """A client of the platform at the address given, of the run in the state folder, or of the
    settings.
    """
    from services.cli.client import Platform
    from services.cli.platform.run_file import StateFolder

    if url is None:
        settings = platform_settings()
        run = StateFolder(settings.state_dir).read_run()
        url = run.url if run is not None else settings.url
    with Platform(url.rstrip("/"), key) as platform:
        yield platform
