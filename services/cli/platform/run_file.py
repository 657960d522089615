"""What one run of the platform leaves in its state folder, so that another process can find it.

<state_dir>/run.lock    locked while the platform runs; the kernel frees it when it ends
<state_dir>/run.json    which process, since when, where, and by what its processes are known
<state_dir>/logs/       the logs of the last run that ended
"""

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shared.errors import ConfigError, ConflictError
from shared.files import write_atomic

_RUN_DIR_PREFIX = "banyan-"
SHORT_FOLDER = Path("/tmp")  # noqa: S108
"""Where the folders of runs are made: Unix sockets lie in them, whose paths are short."""

DRIVER_LOG = "driver.log"
BROKER_LOG = "broker.log"
"""The logs of a run's own processes, in its folder."""

_WAIT_STEP_S = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `pid` and `started_at` together name its process: a pid alone is used again."""

    id: str
    pid: int
    started_at: float
    url: str
    run_dir: Path
    ports: dict[str, int]
    applications: dict[str, str]
    """Each application's name and route prefix."""

    def is_running(self) -> bool:
        """Whether the run's `banyan up` still lives."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started_at) < 1.0
            return is_same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


class StateFolder:
    """The files of a run below the platform's state folder."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir
        self.logs = state_dir / "logs"
        self.token_file = state_dir / "ray-token"
        self._run_file = state_dir / "run.json"
        self._lock_file = state_dir / "run.lock"

    def read_run(self) -> Run | None:
        """The run that was noted last and not yet cleared, alive or not.

        Raises:
            ConfigError: the file is corrupt.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(Run).validate_json(self._run_file.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            raise ConfigError(
                f"{self._run_file} is corrupt: end the processes that belong to it, then delete it"
            ) from None

    def write_run(self, run: Run) -> None:
        """Notes a run."""
        from pydantic import TypeAdapter

        write_atomic(self._run_file, TypeAdapter(Run).dump_json(run, indent=2))

    def is_locked(self) -> bool:
        """Whether a run holds the state folder."""
        try:
            with self._lock_file.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    @contextmanager
    def locked(self, *, wait_s: float = 0.0) -> Iterator[int]:
        """Holds the state folder for one run; yields the lock's descriptor.

        A forked child that keeps the descriptor open keeps the lock.

        Raises:
            ConflictError: another run holds it and does not end within `wait_s`.
            ConfigError: the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = self._lock_file.open("ab")
        except OSError as error:
            raise ConfigError(
                f"the state folder {self.path} cannot be written ({error.strerror}): "
                "choose another with BANYAN_STATE_DIR"
            ) from None
        end_s = time.monotonic() + wait_s
        with file:
            while not _lock(file):
                if time.monotonic() >= end_s:
                    raise ConflictError(self._held_message())
                time.sleep(_WAIT_STEP_S)
            yield file.fileno()

    def clear(self, run: Run) -> None:
        """Forgets a run whose processes have ended; its logs stay until the next one ends."""
        try:
            keep_logs(run.run_dir, self.logs)
        except OSError as error:
            sys.stderr.write(f"the logs of the run cannot be kept in {self.logs}: {error}\n")
        shutil.rmtree(run.run_dir, ignore_errors=True)
        noted = self.read_run()
        if noted is not None and noted.id == run.id:
            self.token_file.unlink(missing_ok=True)
            self._run_file.unlink(missing_ok=True)

    def _held_message(self) -> str:
        run = self.read_run()
        where = f" at {run.url} (process {run.pid})" if run else ""
        return (
            f"a platform with the state folder {self.path} runs already{where}: "
            "`banyan down` stops it, BANYAN_STATE_DIR and BANYAN_HTTP_PORT start a second one"
        )


def new_run(url: str, *, ports: dict[str, int], applications: dict[str, str]) -> Run:
    """A run of this process with a new folder.

    The folder's path is short: Unix sockets lie below it, and their paths have 107 characters.
    """
    import secrets

    import psutil

    parent = SHORT_FOLDER if os.access(SHORT_FOLDER, os.W_OK) else Path(tempfile.gettempdir())
    return Run(
        id=secrets.token_hex(8),
        pid=os.getpid(),
        started_at=psutil.Process().create_time(),
        url=url,
        run_dir=Path(tempfile.mkdtemp(prefix=_RUN_DIR_PREFIX, dir=parent)),
        ports=ports,
        applications=applications,
    )


def keep_logs(run_dir: Path, logs: Path) -> None:
    """Moves a run's logs out of its folder, in place of those kept before."""
    folders = [folder for folder in run_dir.glob("ray/session_*/logs") if folder.is_dir()]
    session = next((folder for folder in folders if not folder.parent.is_symlink()), None)
    if session is None:
        return
    aside = logs.with_name(".logs.new")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.move(session, aside)
    for name in (DRIVER_LOG, BROKER_LOG):
        if (run_dir / name).is_file():
            shutil.copy2(run_dir / name, aside)
    shutil.rmtree(logs, ignore_errors=True)
    aside.rename(logs)


def _lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
