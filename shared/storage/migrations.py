"""Alembic run by the program itself, at start, by as many processes as happen to start."""

import logging
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from shared.errors import ConfigError
from shared.storage.database import Database

LOGGER = logging.getLogger(__name__)

_LOCK = 0x62616E79616E  # "banyan": any number does that all processes share.


def migrate(database: Database, folder: Path, *, revision: str = "head") -> None:
    """Brings the database to a revision in `folder` (Alembic's layout), at once or not at all.

    A process that starts at the same time waits for the lock, and then finds the work done. Where
    nothing is to be done nothing is written: who only reads does not wait for the writer.

    Raises:
        ConfigError: the database was migrated by a newer version of the program.
        DependencyError: the database does not answer.
    """
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    with database.read() as connection:
        if revision == "head" and _revisions(connection) == set(script.get_heads()):
            return
    with database.write() as connection:
        if database.is_shared:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {database.schema}"))
        _refuse_newer(connection, script)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def run_environment() -> None:
    """What a service's `migrations/env.py` does: run in the transaction that `migrate` began."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


def _refuse_newer(connection: Connection, script: ScriptDirectory) -> None:
    known = {revision.revision for revision in script.walk_revisions()}
    for revision in _revisions(connection) - known:
        raise ConfigError(
            f"the database is at revision {revision!r}, which this version does not know: "
            "run the version that wrote it, or restore a backup"
        )


def _revisions(connection: Connection) -> set[str]:
    """Where the database is: none before the first migration."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return set()
    return set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())
