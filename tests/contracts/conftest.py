"""The backends that every contract is run on."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.storage.database import Database, sqlite_url
from shared.streaming.embedded import EmbeddedBroker
from tests.contracts.brokers import Broker, Embedded, InMemory, Real, start_embedded

SCHEMA = "support"


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


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """An embedded broker of this session."""
    broker = start_embedded(tmp_path_factory.mktemp("embedded-broker"))
    yield broker
    broker.stop()


@pytest.fixture(params=["memory", "embedded", "kafka"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """A broker that answers."""
    if request.param == "memory":
        return InMemory()
    if request.param == "embedded":
        return Embedded(request.getfixturevalue("embedded_broker"))
    return Real(request.getfixturevalue("kafka"))


@pytest.fixture
def topic() -> str:
    """A topic's name that no other test has."""
    return f"news-{uuid.uuid4().hex[:12]}"
