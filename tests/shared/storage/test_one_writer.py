"""One process writes a SQLite file: another one waits, is refused, and follows a killed one."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import DependencyError
from shared.storage.database import Database, sqlite_url
from shared.storage.one_writer import hold

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys, time
from pathlib import Path
from shared.storage.one_writer import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def holder(path: Path) -> "subprocess.Popen[str]":
    """A process that writes the file until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_and_follows_one_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with holder(path) as process:
        with pytest.raises(DependencyError, match=f"process {process.pid} writes some.db"):
            hold(path, wait_s=0.2)
        process.kill()
        release = hold(path)
    release()


def test_a_process_may_hold_a_file_twice_and_frees_it_with_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    first, second = (Database(sqlite_url(path), schema="some", holds_writer=True) for _ in range(2))
    first.close()
    first.close()
    command = [sys.executable, "-c", HOLDER.replace("argv[1])", "argv[1]), wait_s=0.1"), str(path)]
    refused = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert "SQLite takes one writer" in refused.stderr
    second.close()
    with holder(path) as process:
        process.kill()


def test_who_only_reads_is_not_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with holder(path) as process:
        database = Database(sqlite_url(path), schema="some")
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
        database.close()
        process.kill()
