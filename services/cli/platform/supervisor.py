"""Runs the platform so that it ends whole, whatever ends: the command, the guard or the driver.

    banyan up ── guard ── driver ── Ray's processes ── replicas, HAProxy

`banyan up` waits and passes signals on. The guard, in its own session, adopts every process
of the run that loses its parent, and kills all of them when the driver ends, when it does not end
in time, or when `banyan up` is gone (the pipe between them closes, also after `kill -9`). If the
guard is killed, `banyan up` adopts and kills them. No step needs root.
"""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from services.cli.platform.processes import kill_descendants, reap_children
from shared.serving.platform.haproxy import die_with_parent

_PR_SET_CHILD_SUBREAPER = 36
_STOP, _KILL = b"s", b"k"
_GRACE_S = 7.0
_EXIT_FAILED = 1


def supervise(drive: Callable[[], int], clean: Callable[[], None]) -> int:
    """Runs `drive` in its own process until it ends or a signal comes; then ends all of it.

    SIGINT, SIGTERM and SIGHUP ask the driver to end (it receives SIGTERM); a second one kills it.
    `clean` runs when no process is left. Returns 0 where a signal asked for the end, otherwise
    what `drive` returned, or 1 where the driver died.
    """
    adopt_orphans()
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    guard_pid = os.fork()
    if guard_pid == 0:
        os.close(write_end)
        _leave(lambda: _guard(read_end, drive, clean))
    os.close(read_end)
    with _signals_to_pipe(write_end) as asked:
        _, status = os.waitpid(guard_pid, 0)
        code = _exit_code(os.waitstatus_to_exitcode(status))
    os.close(write_end)
    kill_descendants()
    clean()
    return 0 if asked else code


def adopt_orphans() -> None:
    """Makes this process the parent of every orphan below it, where the system can (Linux)."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def _guard(pipe: int, drive: Callable[[], int], clean: Callable[[], None]) -> int:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    adopt_orphans()
    wake_end, woken_end = os.pipe()
    os.set_blocking(woken_end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken_end)
    driver_pid = os.fork()
    if driver_pid == 0:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for descriptor in (pipe, wake_end, woken_end):
            os.close(descriptor)
        _leave(lambda: _drive(drive))
    code = _watch(driver_pid, pipe, wake_end)
    kill_descendants()
    clean()
    return code


def _drive(drive: Callable[[], int]) -> int:
    die_with_parent()
    return drive()


def _watch(driver_pid: int, pipe: int, wake_end: int) -> int:
    """Returns when the driver has ended or must be killed."""
    end_s: float | None = None
    sources = [pipe, wake_end]
    while True:
        left_s = None if end_s is None else max(0.0, end_s - time.monotonic())
        ready, _, _ = select.select(sources, [], [], left_s)
        if wake_end in ready:
            os.read(wake_end, 4096)
            ended = reap_children()
            if driver_pid in ended:
                return _exit_code(ended[driver_pid])
        if pipe in ready:
            order = os.read(pipe, 1)
            if order != _STOP:
                return _EXIT_FAILED
            end_s = time.monotonic() + _GRACE_S
            os.kill(driver_pid, signal.SIGTERM)
        if end_s is not None and time.monotonic() >= end_s:
            return _EXIT_FAILED


@contextmanager
def _signals_to_pipe(pipe: int) -> Iterator[list[int]]:
    """Writes an order to the guard for every signal; yields the signals that came."""
    asked: list[int] = []

    def order(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        try:
            os.write(pipe, _STOP if len(asked) == 1 else _KILL)
        except BrokenPipeError:
            return

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, order) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_code(code: int) -> int:
    """The code of a process that ended; where a signal ended it, that is said."""
    if code >= 0:
        return code
    name = signal.Signals(-code).name
    sys.stderr.write(f"banyan: the platform was ended by {name} from outside: is memory short?\n")
    return _EXIT_FAILED


def _leave(body: Callable[[], int]) -> None:
    """Ends a forked process with what `body` returns, and never returns into the parent's code."""
    code = _EXIT_FAILED
    try:
        code = body()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
