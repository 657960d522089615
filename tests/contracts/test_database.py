"""What both databases promise to every service."""

import threading

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from shared.errors import ConfigError, DependencyError
from shared.storage.database import Database


@pytest.fixture
def table(database: Database) -> Database:
    """The database with one table of numbers."""
    with database.write() as connection:
        connection.execute(text("CREATE TABLE numbers (n BIGINT PRIMARY KEY)"))
    return database


def insert(connection: Connection, n: int) -> None:
    connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": n})


def numbers(connection: Connection) -> list[int]:
    return list(connection.execute(text("SELECT n FROM numbers ORDER BY n")).scalars())


def test_a_write_is_seen_by_the_next_read(table: Database) -> None:
    with table.write() as connection:
        insert(connection, 1)

    with table.read() as connection:
        assert numbers(connection) == [1]


def test_a_ping_is_answered(table: Database) -> None:
    table.ping()


def test_a_write_that_fails_leaves_nothing(table: Database) -> None:
    with pytest.raises(ZeroDivisionError), table.write() as connection:
        insert(connection, 1)
        raise ZeroDivisionError

    with table.read() as connection:
        assert numbers(connection) == []


def test_a_violated_constraint_is_the_callers_to_handle(table: Database) -> None:
    with table.write() as connection:
        insert(connection, 1)
    with pytest.raises(IntegrityError), table.write() as connection:
        insert(connection, 2)
        insert(connection, 1)

    with table.read() as connection:
        assert numbers(connection) == [1]


def test_a_read_sees_one_state(table: Database) -> None:
    with table.read() as reader:
        before = numbers(reader)
        with table.write() as writer:
            insert(writer, 1)
        assert numbers(reader) == before

    with table.read() as reader:
        assert numbers(reader) == [1]


def test_writers_wait_for_each_other(table: Database) -> None:
    """Each adds one to the largest number: an overlap would break the unique key or lose one."""

    def write() -> None:
        for _ in range(5):
            with table.write() as connection:
                if table.is_shared:
                    connection.execute(text("LOCK TABLE numbers IN EXCLUSIVE MODE"))
                insert(connection, max(numbers(connection), default=0) + 1)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with table.read() as connection:
        assert numbers(connection) == list(range(1, 21))


def test_text_of_every_script_comes_back(database: Database) -> None:
    given = "Grüße, 世界, 🙂, ﷽, a\tb\nc"
    with database.write() as connection:
        connection.execute(text("CREATE TABLE texts (t TEXT)"))
        connection.execute(text("INSERT INTO texts VALUES (:t)"), {"t": given})

    with database.read() as connection:
        assert connection.execute(text("SELECT t FROM texts")).scalar_one() == given


def test_a_database_that_is_away_is_a_dependency() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing", schema="support")

    with pytest.raises(DependencyError, match="does not answer"), away.read():
        pass


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ConfigError, match="mysql"):
        Database("mysql://localhost/x", schema="support")
