"""SQLite's one writer process: a lock beside the file, which the system frees when it dies."""

import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from shared.errors import DependencyError

WAIT_S = 10.0
"""A process that is being replaced has less to end."""

_POLL_S = 0.05

_HELD: dict[Path, tuple[int, int]] = {}
"""What this process holds: the lock's descriptor, and how many databases are open on the file."""

_GUARD = threading.Lock()


def hold(database: Path, wait_s: float = WAIT_S) -> Callable[[], None]:
    """Makes this process the one that writes a SQLite file; returns what ends that.

    Within a process it may be held any number of times: SQLite itself puts its writers in order.

    Raises:
        DependencyError: another process still writes it after `wait_s`.
    """
    path = database.absolute().with_name(f"{database.name}.writer")
    with _GUARD:
        descriptor, count = _HELD.get(path, (-1, 0))
        if not count:
            descriptor = _lock(path, wait_s)
        _HELD[path] = (descriptor, count + 1)

    def release() -> None:
        with _GUARD:
            descriptor, count = _HELD.pop(path)
            if count > 1:
                _HELD[path] = (descriptor, count - 1)
            else:
                os.close(descriptor)

    return release


def _lock(path: Path, wait_s: float) -> int:
    deadline_s = time.monotonic() + wait_s
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline_s:
                time.sleep(_POLL_S)
                continue
            writer = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise DependencyError(
                f"process {writer or 'another'} writes {path.stem}, and SQLite takes one writer: "
                "stop that one, or set database_url to PostgreSQL"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor
