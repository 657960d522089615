"""The recommendation application's database, opened by whatever process needs it."""

from pathlib import Path

from services.recommendation.config import RecommendationSettings
from shared.storage.database import Database, check_one_writer
from shared.storage.migrations import migrate

SCHEMA = "recommendation"
MIGRATIONS = Path(__file__).with_name("migrations")


def open_database(settings: RecommendationSettings) -> Database:
    """The database, migrated; blocks.

    Raises:
        ConfigError: its URL or revision cannot be used, or SQLite should serve several processes.
        DependencyError: it does not answer, or another process writes the SQLite file.
    """
    check_processes(settings)
    database = Database(settings.resolved_database_url, schema=SCHEMA, holds_writer=True)
    migrate(database, MIGRATIONS)
    return database


def check_processes(settings: RecommendationSettings) -> None:
    """Refuses several replicas or stream hosts on SQLite.

    Raises:
        ConfigError: see `check_one_writer`.
    """
    check_one_writer(
        settings.resolved_database_url,
        {"replicas": settings.replicas, "stream_hosts": settings.stream_hosts},
    )
