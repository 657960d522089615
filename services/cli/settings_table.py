"""`banyan config`: every setting of the platform and of each application, and its source."""

import importlib
import inspect
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from rich.console import Console
from rich.table import Table

from services.cli.broker import readers, resolve_kafka
from services.cli.config import (
    DEPLOYMENT_FILE,
    ApplicationEntry,
    PlatformSettings,
    application_environment,
    read_deployment,
    resolve_platform,
)
from shared.config import Resolved, Settings, load
from shared.errors import ConfigError

_DEFAULT = "default"
_MASK = "********"


def show_settings(file: Path | None) -> None:
    """Prints a table for the platform, each application and the broker; secrets are masked.

    Raises:
        ConfigError: a setting is wrong.
    """
    path = file or DEPLOYMENT_FILE
    deployment = read_deployment(path)
    platform = resolve_platform(deployment, os.environ, {})
    console = Console(highlight=False, soft_wrap=True)
    _print(console, "platform", platform, path)
    for entry in deployment.applications:
        _print(console, entry.name, resolve_application(entry, platform.settings), path)
    if readers(deployment):
        _print(console, "kafka", resolve_kafka(os.environ), path)


def resolve_application(entry: ApplicationEntry, platform: PlatformSettings) -> Resolved[Settings]:
    """An application's settings as `banyan up` starts it.

    Raises:
        ConfigError: a setting is wrong, or the application has no settings model.
    """
    environ = {**os.environ, **application_environment(platform)}
    return load(settings_model(entry), environ=environ, section=entry.name, values=entry.args)


def settings_model(entry: ApplicationEntry) -> type[Settings]:
    """The one model in `<package>.config` that has the state folder: the application's own.

    Raises:
        ConfigError: there is no such model.
    """
    package = entry.import_path.partition(":")[0].rpartition(".")[0]
    try:
        module = importlib.import_module(f"{package}.config")
    except ModuleNotFoundError as error:
        raise ConfigError(f"the application {entry.name} has no {error.name}") from None
    for _, model in inspect.getmembers(module, inspect.isclass):
        if not issubclass(model, Settings) or model.__module__ != module.__name__:
            continue
        if "state_dir" in model.model_fields:
            return model
    raise ConfigError(f"{package}.config has no settings model with a state_dir")


def rows(resolved: Resolved[Any], file: Path) -> Iterator[tuple[str, str, str]]:
    """Key, value and source of every setting, nested ones by dotted paths."""
    for key, value in _flat(resolved.settings):
        source = _source(key, resolved.sources)
        yield key, _shown(value), str(file) if source == "file" else source


def _print(console: Console, title: str, resolved: Resolved[Any], file: Path) -> None:
    table = Table("key", "value", "from", title=title, title_justify="left", box=None)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows(resolved, file):
        table.add_row(*row)
    console.print(table)
    console.print()


def _flat(model: BaseModel, start: str = "") -> Iterator[tuple[str, object]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{start}{name}.")
        else:
            yield f"{start}{name}", value


def _source(key: str, sources: Mapping[str, str]) -> str:
    """The source of the key, or of what it is part of."""
    parts = key.split(".")
    paths = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((sources[path] for path in paths if path in sources), _DEFAULT)


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return _MASK
    return "-" if value is None else str(value)
