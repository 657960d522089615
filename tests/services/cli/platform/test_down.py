import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from services.cli.platform.down import stop
from services.cli.platform.run_file import Run, StateFolder, new_run
from tests.services.cli.platform.test_processes import NAP, napping

HOLD = """
import signal, sys, time
from pathlib import Path
from services.cli.platform.run_file import StateFolder, new_run

state = StateFolder(Path(sys.argv[1]))
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
with state.locked():
    run = new_run("http://x", ports={}, applications={})
    state.write_run(run)
    print("up", flush=True)
    while not stop:
        time.sleep(0.01)
    state.clear(run)
"""


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "var")


def killed_run(state: StateFolder) -> Run:
    run = new_run("http://127.0.0.1:1", ports={}, applications={})
    killed = dataclasses.replace(run, started_at=run.started_at - 60)
    state.write_run(killed)
    return killed


def test_a_running_platform_is_asked_to_end(state: StateFolder) -> None:
    command = [sys.executable, "-c", HOLD, str(state.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()

        assert stop(state.path).startswith("stopped in ")

        assert process.wait(60) == 0
    assert state.read_run() is None


def test_what_a_killed_run_left_is_ended(state: StateFolder) -> None:
    run = killed_run(state)
    with (
        napping(environ={"BANYAN_RUN_ID": run.id}) as marked,
        napping(f"f = open({str(run.run_dir / 'log')!r}, 'w'); {NAP}") as holding,
    ):
        assert stop(state.path).startswith("stopped in ")

        for process in (marked, holding):
            assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert not run.run_dir.exists()
    assert state.read_run() is None


def test_this_process_is_not_taken_for_the_run_that_had_its_number(state: StateFolder) -> None:
    run = killed_run(state)
    assert run.pid == os.getpid()

    assert stop(state.path).startswith("stopped in ")


def test_nothing_to_end_is_said(state: StateFolder) -> None:
    assert stop(state.path) == f"nothing runs with the state folder {state.path}"
