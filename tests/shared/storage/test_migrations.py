"""Migrations: at once from several processes, and never backwards."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.errors import ConfigError
from shared.storage.database import Database, sqlite_url
from shared.storage.migrations import migrate

FIRST = '''"""First."""
from alembic import op
revision, down_revision = "1", None
def upgrade():
    op.execute("CREATE TABLE thing (name TEXT)")
'''
SECOND = '''"""Second."""
from alembic import op
revision, down_revision = "2", "1"
def upgrade():
    op.execute("ALTER TABLE thing ADD COLUMN colour TEXT")
'''
BROKEN = SECOND.replace("ALTER TABLE", 'INSERT INTO thing VALUES (1)"); op.execute("NONSENSE')
ENVIRONMENT = "from shared.storage.migrations import run_environment\nrun_environment()\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENVIRONMENT)
    (tmp_path / "versions" / "first.py").write_text(FIRST)
    return tmp_path


def open_database(folder: Path) -> Database:
    return Database(sqlite_url(folder / "a.db"), schema="things")


def columns(database: Database) -> list[str]:
    with database.read() as connection:
        return [row.name for row in connection.execute(text("PRAGMA table_info(thing)"))]


def test_a_database_is_brought_to_the_newest_revision(folder: Path) -> None:
    database = open_database(folder)
    migrate(database, folder)
    assert columns(database) == ["name"]

    (folder / "versions" / "second.py").write_text(SECOND)
    migrate(database, folder)
    migrate(database, folder)

    assert columns(database) == ["name", "colour"]


def test_processes_that_start_at_once_migrate_once(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; "
        "from shared.storage.database import Database, sqlite_url; "
        "from shared.storage.migrations import migrate; "
        "folder = Path(sys.argv[1]); "
        "migrate(Database(sqlite_url(folder / 'a.db'), schema='things'), folder)"
    )
    command = [sys.executable, "-c", code, str(folder)]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]

    ends = [process.communicate()[1] for process in started]

    assert [process.returncode for process in started] == [0, 0], ends
    assert columns(open_database(folder)) == ["name"]


def test_a_process_that_has_nothing_to_migrate_does_not_wait_for_the_writer(folder: Path) -> None:
    writer, reader = open_database(folder), open_database(folder)
    migrate(writer, folder)

    with writer.write():
        migrate(reader, folder)

    (folder / "versions" / "second.py").write_text(SECOND)
    migrate(reader, folder)
    assert columns(writer) == ["name", "colour"]


def test_a_revision_that_fails_leaves_the_database_as_it_was(folder: Path) -> None:
    database = open_database(folder)
    migrate(database, folder)
    (folder / "versions" / "second.py").write_text(BROKEN)

    with pytest.raises(Exception, match="NONSENSE"):
        migrate(database, folder)

    with database.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "1"
        assert connection.execute(text("SELECT count(*) FROM thing")).scalar() == 0


def test_a_database_of_a_newer_version_is_left_alone(folder: Path) -> None:
    database = open_database(folder)
    (folder / "versions" / "second.py").write_text(SECOND)
    migrate(database, folder)
    (folder / "versions" / "second.py").unlink()

    with pytest.raises(ConfigError, match="'2'"):
        migrate(database, folder)
