"""`banyan config`: every setting of the platform and of each application, and its source."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from services.cli.options import DeploymentFile, resolved

if TYPE_CHECKING:
    from pydantic import BaseModel

    from shared.config import Resolved


def config(file: DeploymentFile = None) -> None:
    """Show every setting, its value, and where the value comes from."""
    from services.cli.platform.broker import readers, resolve_kafka
    from services.cli.settings import DEPLOYMENT_FILE, resolve_application

    path = file or DEPLOYMENT_FILE
    deployment, platform = resolved(path, {})
    console = Console(highlight=False, soft_wrap=True)
    _print(console, "platform", platform, path)
    for entry in deployment.applications:
        _print(console, entry.name, resolve_application(entry, platform.settings), path)
    if readers(deployment):
        _print(console, "kafka", resolve_kafka(os.environ), path)


def _print(console: Console, title: str, found: "Resolved[Any]", file: Path) -> None:
    table = Table("key", "value", "from", title=title, title_justify="left", box=None)
    for column in table.columns:
        column.overflow = "fold"
    for key, value in _flat(found.settings):
        source = _source(key, found.sources)
        table.add_row(key, _shown(value), str(file) if source == "file" else source)
    console.print(table)
    console.print()


def _flat(model: "BaseModel", start: str = "") -> Iterator[tuple[str, object]]:
    """Key and value of every setting, nested ones by dotted paths."""
    from pydantic import BaseModel

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
    return next((sources[path] for path in paths if path in sources), "default")


def _shown(value: object) -> str:
    from pydantic import SecretStr

    if isinstance(value, SecretStr):
        return "********"
    return "-" if value is None else str(value)
