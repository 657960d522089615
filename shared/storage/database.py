"""Databases by URL: SQLite files and PostgreSQL schemas behind the same two kinds of transaction.

SQLite takes one writer at a time: a write transaction takes its lock at its begin, so that it
waits there (at most `busy_timeout`) instead of failing halfway.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, event, literal, make_url, select
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.errors import ConfigError, DependencyError
from shared.storage.one_writer import hold

_BUSY_TIMEOUT_MS = 5000
_CONNECT_TIMEOUT_S = 5
_WRITES = "banyan_writes"
_SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class _Cursor(Protocol):
    def execute(self, statement: str) -> object: ...
    def close(self) -> None: ...


class _DriverConnection(Protocol):
    """What both drivers' connections have."""

    isolation_level: str | None
    autocommit: bool

    def cursor(self) -> _Cursor: ...


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return URL.create("sqlite", database=str(path)).render_as_string()


class Database:
    """One service's database.

    With PostgreSQL the service's tables stand in `schema`; with SQLite the file is its own.
    Connections are made when they are first needed and kept for the next transaction.
    """

    def __init__(self, url: str, *, schema: str, holds_writer: bool = False) -> None:
        """Opens it; with `holds_writer` a SQLite file has no other writer process until `close`.

        Raises:
            ConfigError: the URL cannot be used.
            DependencyError: another process writes the file.
        """
        if not _SCHEMA_NAME.fullmatch(schema):
            raise ConfigError(f"schema {schema!r}: use lower-case letters, digits and '_'")
        self.schema = schema
        self._engine = _engine(url, schema)
        self._release = None
        if holds_writer and not self.is_shared:
            self._release = hold(Path(str(self._engine.url.database)))

    @property
    def is_shared(self) -> bool:
        """Whether several processes may write; SQLite has one writer process by our rule."""
        return self._engine.dialect.name != "sqlite"

    @property
    def file(self) -> Path:
        """SQLite's file; of another database there is none to name."""
        return Path(str(self._engine.url.database))

    def ping(self) -> None:
        """Returns if the database answers.

        Raises:
            DependencyError: it does not.
        """
        with self.read() as connection:
            connection.execute(select(literal(1)))

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads and sees one state of the database.

        Raises:
            DependencyError: the database is locked, full, corrupt or away.
        """
        # PostgreSQL's default shows each statement its own state; SQLite's transactions do not.
        options = {"isolation_level": "REPEATABLE READ"} if self.is_shared else {}
        with (
            _translated(),
            self._engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: all of it is durable when the block ends well, or none.

        Raises:
            DependencyError: the database is locked, full, corrupt or away.
        """
        with (
            _translated(),
            self._engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Closes all connections, and ends being the writer; a later transaction opens new ones."""
        self._engine.dispose()
        if self._release is not None:
            self._release()
            self._release = None


def takes_one_writer(url: str) -> bool:
    """Whether one process alone may write: SQLite's file.

    Raises:
        ConfigError: it is not a URL.
    """
    return _parsed(url).get_backend_name() == "sqlite"


def check_one_writer(url: str, processes: Mapping[str, int]) -> None:
    """Refuses several writing processes on SQLite; `processes` has their numbers by setting.

    Raises:
        ConfigError: SQLite's file is on one machine, and its one writer is one process.
    """
    if not takes_one_writer(url):
        return
    for name, count in processes.items():
        if count > 1:
            raise ConfigError(
                f"{name}: {count} on SQLite, whose one writer is one process on one machine: set "
                f"database_url to PostgreSQL, or {name} to 1"
            )


@contextmanager
def _translated() -> Iterator[None]:
    """A fault of the database becomes `DependencyError`; one of our statements stays as it is."""
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except PoolTimeoutError as error:
        raise DependencyError(f"every database connection is busy: {error}") from error
    except DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        raise DependencyError(
            f"the database does not answer ({reason}): see that it runs, that its disk has room "
            "and that nobody else holds its lock"
        ) from error


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise ConfigError(
            "database_url: not a URL; expected such as postgresql+psycopg://user@host/name"
        ) from None


def _engine(url: str, schema: str) -> Engine:
    parsed = _parsed(url)
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _sqlite_engine(parsed)
    if kind == "postgresql":
        return _postgresql_engine(parsed.set(drivername="postgresql+psycopg"), schema)
    raise ConfigError(f"database_url: {kind} is not supported: use sqlite or postgresql")


def _sqlite_engine(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise ConfigError("database_url: SQLite needs a file: data in memory would be lost")
    Path(str(url.database)).absolute().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: _DriverConnection, record: object) -> None:
        # The driver must not begin transactions by itself: `begin` below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql_engine(url: URL, schema: str) -> Engine:
    try:
        engine = create_engine(
            url, pool_pre_ping=True, connect_args={"connect_timeout": _CONNECT_TIMEOUT_S}
        )
    except (NoSuchModuleError, ImportError):
        raise ConfigError("PostgreSQL needs its driver: pip install 'banyan[postgres]'") from None

    @event.listens_for(engine, "connect")
    def prepare(connection: _DriverConnection, record: object) -> None:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"SET search_path TO {schema}")
        cursor.close()
        connection.autocommit = False

    return engine
