"""`banyan keys`."""

from typing import Annotated

import typer

from services.cli.commands.options import StateDir, key_file_of

app = typer.Typer(no_args_is_help=True, help="API keys: each selects a tenant and a role.")


@app.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="What the key is for, such as `web shop`.")],
    tenant: Annotated[str, typer.Option(help="Whose data it reaches.")] = "default",
    role: Annotated[str, typer.Option(help="`user` asks; `admin` also changes.")] = "user",
    state_dir: StateDir = None,
) -> None:
    """Make a key and print it: the only time that it can be seen."""
    from services.cli.keys import create

    create(key_file_of(state_dir), name, tenant, role)


@app.command("list")
def keys_list(state_dir: StateDir = None) -> None:
    """List the keys; the keys themselves are not kept."""
    from services.cli.keys import show

    show(key_file_of(state_dir))


@app.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(help="As `banyan keys list` shows it.")],
    state_dir: StateDir = None,
) -> None:
    """Delete a key; the running platform refuses it within a second."""
    from services.cli.keys import revoke

    revoke(key_file_of(state_dir), key_id)
