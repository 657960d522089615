"""`banyan down`: ends a run from outside, whatever is left of it."""

import contextlib
import os
import signal
import time
from pathlib import Path

import typer

from services.cli.options import StateDir, platform_settings
from services.cli.platform.run_file import Run, StateFolder
from shared.errors import DependencyError

_ORDERLY_S = 8.5
_AFTER_KILL_S = 1.0
_STEP_S = 0.05


def down(state_dir: StateDir = None) -> None:
    """Stop the platform; also clears what a killed one left."""
    typer.echo(stop(platform_settings(state_dir).state_dir))


def stop(state_dir: Path) -> str:
    """Stops the platform of a state folder; returns what was done, in words.

    Raises:
        DependencyError: processes of the run cannot be ended.
    """
    state = StateFolder(state_dir)
    begun_s = time.monotonic()
    runs = _stop_runs(state, end_s=begun_s + _ORDERLY_S)
    if not runs:
        return f"nothing runs with the state folder {state_dir}"
    for run in runs:
        _end_leftovers(state, run)
    return f"stopped in {time.monotonic() - begun_s:.1f} s"


def _stop_runs(state: StateFolder, *, end_s: float) -> list[Run]:
    """Asks the run to end until nothing holds the state folder; returns the runs that were seen.

    More than one is seen where a new `banyan up` is just about to note itself.
    """
    seen: dict[str, Run] = {}
    while True:
        run = state.read_run()
        is_new = run is not None and run.id not in seen
        if run is not None and is_new:
            seen[run.id] = run
            if run.is_running():
                _signal(run, signal.SIGTERM)
        if not state.is_locked() and not is_new:
            return list(seen.values())
        if time.monotonic() >= end_s:
            break
        time.sleep(_STEP_S)
    for run in seen.values():
        if run.is_running():
            _signal(run, signal.SIGKILL)
    if not seen:
        raise DependencyError(f"a process holds {state.path}/run.lock and does not end")
    return list(seen.values())


def _end_leftovers(state: StateFolder, run: Run) -> None:
    from services.cli.platform.processes import kill_all, processes_of

    if alive := kill_all(processes_of(run.id, run.run_dir), wait_s=_AFTER_KILL_S):
        numbers = ", ".join(str(process.pid) for process in alive)
        raise DependencyError(f"processes {numbers} of the platform do not end")
    state.clear(run)


def _signal(run: Run, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(run.pid, number)
