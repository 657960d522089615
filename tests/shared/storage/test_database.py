"""Databases: what a transaction promises, and what a fault becomes."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.errors import ConfigError, DependencyError
from shared.storage import database as database_module
from shared.storage.database import Database, sqlite_url
from shared.storage.identifiers import new_id


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(sqlite_url(tmp_path / "folder" / "a.db"), schema="things")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE thing (name TEXT UNIQUE)"))
    return database


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(text("SELECT name FROM thing ORDER BY name")).scalars())


def insert(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(text("INSERT INTO thing VALUES (:name)"), {"name": name})


def test_a_transaction_is_written_whole_or_not_at_all(database: Database) -> None:
    insert(database, "a")

    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(text("INSERT INTO thing VALUES ('b')"))
        raise ZeroDivisionError

    assert names(database) == ["a"]


def test_sqlite_is_set_to_survive_a_power_cut(database: Database) -> None:
    with database.read() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def test_a_locked_database_is_a_dependency_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_BUSY_TIMEOUT_MS", 10)
    database = Database(sqlite_url(tmp_path / "a.db"), schema="things")
    holder = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(DependencyError, match="locked"), database.write():
        pass

    holder.execute("ROLLBACK")
    holder.close()
    with database.write():
        pass
    database.close()


def test_a_full_disk_is_a_dependency_that_does_not_answer(database: Database) -> None:
    with database.read() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
    with pytest.raises(DependencyError, match="full"), database.write() as connection:
        connection.execute(text(f"PRAGMA max_page_count={pages}"))
        connection.execute(text("INSERT INTO thing VALUES (:name)"), {"name": "x" * 100_000})

    assert names(database) == []


def test_a_file_that_is_no_database_is_a_dependency_that_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    database = Database(sqlite_url(tmp_path / "a.db"), schema="things")

    with pytest.raises(DependencyError, match="not a database"), database.read():
        pass


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://host/name", "sqlite://", "sqlite:///:memory:"]
)
def test_urls_that_cannot_be_used_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="database_url"):
        Database(url, schema="things")


def test_a_server_that_is_away_is_a_dependency_that_does_not_answer() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing", schema="things")

    assert database.is_shared
    with pytest.raises(DependencyError, match="does not answer"), database.read():
        pass


def test_a_schema_is_a_plain_name() -> None:
    with pytest.raises(ConfigError, match="schema"):
        Database("sqlite:///a.db", schema="a; DROP TABLE b")


def test_identifiers_sort_by_their_time() -> None:
    made = [new_id() for _ in range(100)]

    assert made == sorted(set(made))
    assert {(len(one), one[12]) for one in made} == {(32, "7")}
