"""`banyan keys`: makes, lists and deletes API keys in the state folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.cli.options import StateDir, resolved
from services.cli.platform.run_file import Run, StateFolder
from shared.errors import ConfigError

if TYPE_CHECKING:
    from shared.http.keys import KeyStore

_FILE = "keys.json"
_ASK_S = 2.0


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The file of keys of a state folder, and the platform that runs with it and reads it."""

    path: Path
    run: Run | None

    @property
    def store(self) -> "KeyStore":
        """The keys in it."""
        from shared.http.keys import KeyStore

        return KeyStore(self.path)


def create(
    name: Annotated[str, typer.Argument(help="What the key is for, such as `web shop`.")],
    tenant: Annotated[str, typer.Option(help="Whose data it reaches.")] = "default",
    role: Annotated[str, typer.Option(help="`user` asks; `admin` also changes.")] = "user",
    state_dir: StateDir = None,
) -> None:
    """Make a key and print it: the only time that it can be seen."""
    from shared.http.keys import DEFAULT_TENANT, Role

    file = _key_file(state_dir)
    if role not in list(Role):
        raise ConfigError(f"role {role!r}: use {' or '.join(Role)}")
    first = file.store.is_empty()
    # Alone on stdout, so that a script can take it.
    typer.echo(file.store.create(name, tenant, Role(role)))
    typer.echo("keep it: it is stored as a hash and cannot be shown again", err=True)
    typer.echo(f"stored in {file.path}; {_effect(file, first=first)}", err=True)
    if first and tenant != DEFAULT_TENANT:
        typer.echo(
            f"this key sees what belongs to {tenant!r} alone; what was stored without keys belongs "
            f"to {DEFAULT_TENANT!r}: a key for that is made by --tenant {DEFAULT_TENANT}",
            err=True,
        )


def show(state_dir: StateDir = None) -> None:
    """List the keys; the keys themselves are not kept."""
    file = _key_file(state_dir)
    keys = file.store.list()
    if not keys:
        typer.echo(
            f"there is no key in {file.path}: a platform with this state folder is open to this "
            "machine and closed to others"
        )
        return
    table = Table("id", "name", "tenant", "role", "created", box=None, pad_edge=False)
    for key in keys:
        table.add_row(key.id, key.name, key.tenant, key.role, f"{key.created_at:%Y-%m-%d %H:%M}")
    Console(highlight=False).print(table)


def revoke(
    key_id: Annotated[str, typer.Argument(help="As `banyan keys list` shows it.")],
    state_dir: StateDir = None,
) -> None:
    """Delete a key; the running platform refuses it within a second."""
    file = _key_file(state_dir)
    key = file.store.revoke(key_id)
    typer.echo(f"revoked {key.id} ({key.name})")
    if file.store.is_empty():
        typer.echo("that was the last key: on 127.0.0.1 requests need none now", err=True)


def _key_file(given: Path | None) -> KeyFile:
    """The file of keys of the state folder given, or of the settings'.

    Raises:
        ConfigError: nobody chose the folder, and the platform that runs has another one: it would
            never read what is written here.
    """
    _, found = resolved(None, {"state_dir": given})
    state_dir, url = found.settings.state_dir, found.settings.url
    run = StateFolder(state_dir).read_run()
    alive = run if run is not None and run.is_running() else None
    if alive is None and "state_dir" not in found.sources and _answers(url):
        raise ConfigError(
            f"the platform at {url} keeps its keys in another state folder than {state_dir}: run "
            "this where `banyan up` was started, or name its folder with --state-dir FOLDER or "
            "BANYAN_STATE_DIR (`banyan up` shows it)"
        )
    return KeyFile(state_dir / _FILE, alive)


def _effect(file: KeyFile, *, first: bool) -> str:
    """What a new key changes, and where."""
    if file.run is None:
        rest = ", which needs a key from its start" if first else ""
        return f"no platform runs with this state folder: the next one reads it{rest}"
    rest = ", and every request needs a key from then on" if first else ""
    return f"the platform at {file.run.url} reads it within a second{rest}"


def _answers(url: str) -> bool:
    """Whether a platform answers there."""
    import httpx

    try:
        answer = httpx.get(f"{url}/v1/healthz", timeout=_ASK_S, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return answer.is_success
