"""The backends that every contract is run on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.storage.database import Database, sqlite_url
from tests.contracts.postgres import binaries, cluster

SCHEMA = "support"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL cluster of this session."""
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL's server is not installed: apt-get install postgresql")
    with cluster(folder) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database, without tables."""
    if request.param == "sqlite":
        database = Database(sqlite_url(tmp_path / "store.db"), schema=SCHEMA)
    else:
        url = request.getfixturevalue("postgres_url")
        database = Database(url, schema=SCHEMA)
        with database.write() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
            connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
    yield database
    database.close()
