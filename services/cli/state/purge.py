"""`banyan purge`: deletes what is older than its settings allow, and gives the room back."""

import os
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from services.cli.options import DeploymentFile, StateDir, resolved
from services.cli.platform.run_file import StateFolder
from shared.errors import DependencyError

if TYPE_CHECKING:
    from services.cli.settings import Deployment, PlatformSettings
    from services.recommendation.config import RecommendationSettings
    from services.sentiment.config import SentimentSettings
    from services.support.config import SupportSettings
    from shared.config import Settings
    from shared.storage.database import Database
    from shared.storage.retention import Retention

_MIB = 1024 * 1024


def purge(file: DeploymentFile = None, state_dir: StateDir = None) -> None:
    """Delete what is older than the settings allow, and shrink SQLite's files.

    The platform does the former by itself while it runs; with SQLite it must not run now.
    """
    deployment, settings = resolved(file, {"state_dir": state_dir})
    for line in delete_old(deployment, settings.settings):
        typer.echo(line)


def delete_old(deployment: "Deployment", platform: "PlatformSettings") -> Iterator[str]:
    """Deletes what is old in each application's database; yields a line for each.

    A platform on PostgreSQL may run meanwhile; SQLite's one writer must not.

    Raises:
        ConflictError: the platform runs and its databases are SQLite's.
        DependencyError: a database does not answer.
    """
    from services.cli.settings import resolve_application

    is_shared = platform.database_url is not None
    state = StateFolder(platform.state_dir)
    with nullcontext() if is_shared else state.locked():
        for entry in deployment.applications:
            settings = resolve_application(entry, platform).settings
            opened = _open(settings)
            if opened is None:
                continue
            database, retention = opened
            with closing(database):
                gone = {name: count for name, count in retention.purge().items() if count}
            said = ", ".join(f"{count:,} {name}" for name, count in gone.items()) or "nothing"
            yield f"{entry.name}: deleted {said}"
            if not database.is_shared:
                yield f"{entry.name}: {_shrink(database.file)}"


def _open(settings: "Settings") -> "tuple[Database, Retention] | None":
    """An application's database and its rules; None where nothing grows by itself."""
    from services.recommendation.config import RecommendationSettings
    from services.sentiment.config import SentimentSettings
    from services.support.config import SupportSettings

    if isinstance(settings, SupportSettings):
        return _open_support(settings)
    if isinstance(settings, SentimentSettings):
        return _open_sentiment(settings)
    if isinstance(settings, RecommendationSettings):
        return _open_recommendation(settings)
    return None


def _open_support(settings: "SupportSettings") -> "tuple[Database, Retention]":
    from services.support.database import open_database
    from services.support.retention import rules
    from shared.storage.retention import Retention

    database, keep = open_database(settings), settings.retention
    return database, Retention(database, rules(keep), keep)


def _open_sentiment(settings: "SentimentSettings") -> "tuple[Database, Retention]":
    from services.sentiment.retention import rules
    from services.sentiment.service import open_database
    from services.sentiment.store import take_turn
    from shared.storage.retention import Retention

    database, keep = open_database(settings), settings.retention
    return database, Retention(
        database, rules(keep), keep, take_turn=lambda one: take_turn(database, one)
    )


def _open_recommendation(settings: "RecommendationSettings") -> "tuple[Database, Retention]":
    from services.recommendation.database import open_database
    from services.recommendation.rankings.snapshots import Snapshots
    from services.recommendation.reading import FeedbackReader
    from services.recommendation.retention import event_rule, rules
    from services.recommendation.store import FeedbackStore
    from shared.storage.retention import Retention

    database, keep = open_database(settings), settings.retention
    snapshots = Snapshots(
        settings.snapshots_dir, FeedbackReader(database), settings.state, settings.snapshot_events
    )
    snapshots.load()
    every = [*rules(keep), event_rule(keep, lambda: snapshots.on_disk_seq)]
    return database, Retention(database, every, keep, take_turn=FeedbackStore(database).take_turn)


def _shrink(file: Path) -> str:
    """Rewrites SQLite's file without the free pages, which needs room for a copy."""
    import sqlite3

    before = os.path.getsize(file)
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise DependencyError(f"{file} keeps its size: {error}") from error
    return f"{before / _MIB:.1f} MiB became {os.path.getsize(file) / _MIB:.1f} MiB"
