"""The recommendation application's database, opened by whatever process needs it."""

from pathlib import Path

from services.recommendation.config import RecommendationSettings
from shared.http.streams import open_migrated
from shared.storage.database import Database

MIGRATIONS = Path(__file__).with_name("migrations")


def open_database(settings: RecommendationSettings) -> Database:
    """The database, migrated; see `shared.http.streams.open_migrated`."""
    return open_migrated(settings, MIGRATIONS)
