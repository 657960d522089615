import dataclasses
import os
from pathlib import Path

import pytest

from services.cli.platform.run_file import Run, StateFolder, keep_logs, new_run
from shared.errors import ConfigError, ConflictError


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "var")


@pytest.fixture
def run() -> Run:
    return new_run("http://127.0.0.1:1", ports={"http": 1}, applications={"support": "/support"})


def test_a_run_is_found_again(state: StateFolder, run: Run) -> None:
    state.write_run(run)

    assert state.read_run() == run


def test_there_may_be_no_run(state: StateFolder) -> None:
    assert state.read_run() is None
    assert not state.is_locked()


def test_this_process_runs(run: Run) -> None:
    assert run.is_running()


def test_another_process_with_the_same_number_is_not_it(run: Run) -> None:
    assert not dataclasses.replace(run, started_at=run.started_at - 60).is_running()


def test_a_corrupt_file_is_named(state: StateFolder, run: Run) -> None:
    state.write_run(run)
    (state.path / "run.json").write_text("{")

    with pytest.raises(ConfigError, match=r"run\.json is corrupt"):
        state.read_run()


def test_a_second_run_is_refused_with_the_first(state: StateFolder, run: Run) -> None:
    with state.locked():
        state.write_run(run)
        assert state.is_locked()
        with pytest.raises(ConflictError, match=f"process {os.getpid()}"), state.locked():
            pass
    assert not state.is_locked()


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(ConfigError, match="BANYAN_STATE_DIR"),
        StateFolder(tmp_path / "file" / "var").locked(),
    ):
        pass


def test_the_run_folder_is_short_and_the_owners(run: Run, run_folders: Path) -> None:
    assert len(run.run_dir.name) <= 16
    assert run.run_dir.parent == run_folders
    assert run.run_dir.stat().st_mode & 0o777 == 0o700


def test_clearing_keeps_the_logs_alone(state: StateFolder, run: Run) -> None:
    session = run.run_dir / "ray" / "session_2026-01-01" / "logs"
    session.mkdir(parents=True)
    (session / "worker.err").write_text("reason")
    (run.run_dir / "driver.log").write_text("driver")
    (run.run_dir / "broker.log").write_text("broker")
    state.write_run(run)
    state.token_file.write_text("token")

    state.clear(run)

    assert not run.run_dir.exists()
    assert sorted(p.name for p in state.path.iterdir()) == ["logs"]
    assert (state.logs / "worker.err").read_text() == "reason"
    assert (state.logs / "driver.log").read_text() == "driver"
    assert (state.logs / "broker.log").read_text() == "broker"


def test_clearing_leaves_a_newer_run(state: StateFolder, run: Run) -> None:
    newer = dataclasses.replace(run, id="newer")
    state.write_run(newer)

    state.clear(run)

    assert state.read_run() == newer


def test_logs_take_the_place_of_older_ones(tmp_path: Path) -> None:
    for name in ("one", "two"):
        logs = tmp_path / name / "ray" / "session_1" / "logs"
        logs.mkdir(parents=True)
        (logs / name).touch()
        keep_logs(tmp_path / name, tmp_path / "logs")

    assert [p.name for p in (tmp_path / "logs").iterdir()] == ["two"]
