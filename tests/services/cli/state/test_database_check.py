from pathlib import Path

import pytest
from sqlalchemy import text

from services.cli.state.database_check import database_state
from services.support.database import MIGRATIONS, SCHEMA
from shared.errors import DependencyError
from shared.storage.database import Database, sqlite_url
from shared.storage.migrations import migrate


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "support.db")


def state(url: str) -> tuple[bool, str]:
    return database_state(url, schema=SCHEMA, folder=MIGRATIONS)


def test_a_database_that_is_not_there_is_not_made(url: str, tmp_path: Path) -> None:
    is_current, words = state(url)

    assert is_current
    assert "made at the first start" in words
    assert list(tmp_path.iterdir()) == []


def test_a_migrated_database_is_current(url: str) -> None:
    database = Database(url, schema=SCHEMA)
    migrate(database, MIGRATIONS)
    database.close()

    is_current, words = state(url)

    assert is_current
    assert "the newest" in words


def test_an_older_database_is_named(url: str) -> None:
    database = Database(url, schema=SCHEMA)
    migrate(database, MIGRATIONS)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    database.close()

    is_current, words = state(url)

    assert not is_current
    assert "at revision 0000" in words


def test_what_is_no_database_does_not_answer(url: str, tmp_path: Path) -> None:
    (tmp_path / "support.db").write_bytes(b"no database at all" * 100)

    with pytest.raises(DependencyError):
        state(url)
