"""The support application's database, opened by whatever process needs it."""

from pathlib import Path

from services.support.config import SupportSettings
from shared.storage.database import Database
from shared.storage.migrations import migrate

SCHEMA = "support"
MIGRATIONS = Path(__file__).with_name("migrations")


def open_database(settings: SupportSettings) -> Database:
    """The database, migrated; blocks.

    Raises:
        ConfigError: its URL or revision cannot be used.
        DependencyError: it does not answer.
    """
    database = Database(settings.resolved_database_url, schema=SCHEMA)
    migrate(database, MIGRATIONS)
    return database
