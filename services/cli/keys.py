"""`banyan keys`: makes, lists and deletes API keys in the state folder."""

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from shared.errors import ConfigError
from shared.serving.keys import KeyStore, Role


def create(state_dir: Path, name: str, tenant: str, role: str) -> None:
    """Makes a key; prints it alone on stdout, so that a script can take it.

    Raises:
        ConfigError: the role or the tenant's name is none.
    """
    if role not in list(Role):
        raise ConfigError(f"role {role!r}: use {' or '.join(Role)}")
    store = _store(state_dir)
    first = store.is_empty()
    typer.echo(store.create(name, tenant, Role(role)))
    typer.echo("keep it: it is stored as a hash and cannot be shown again", err=True)
    if first:
        typer.echo("from now on every request needs a key", err=True)


def show(state_dir: Path) -> None:
    """Prints every key's id, name, tenant, role and age."""
    keys = _store(state_dir).list()
    if not keys:
        typer.echo("there is no key: the platform is open to this machine and closed to others")
        return
    table = Table("id", "name", "tenant", "role", "created", box=None, pad_edge=False)
    for key in keys:
        table.add_row(key.id, key.name, key.tenant, key.role, f"{key.created_at:%Y-%m-%d %H:%M}")
    Console(highlight=False).print(table)


def revoke(state_dir: Path, key_id: str) -> None:
    """Deletes a key.

    Raises:
        NotFoundError: no key has this id.
    """
    store = _store(state_dir)
    key = store.revoke(key_id)
    typer.echo(f"revoked {key.id} ({key.name})")
    if store.is_empty():
        typer.echo("that was the last key: on 127.0.0.1 requests need none now", err=True)


def _store(state_dir: Path) -> KeyStore:
    return KeyStore(state_dir / "keys.json")
