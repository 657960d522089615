"""Which processes belong to a run, and how they are ended: never one that does not."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from shared.serving.platform.environment import RUN_ID_VARIABLE

_STEP_S = 0.02


def processes_of(run_id: str, run_dir: Path) -> list[psutil.Process]:
    """The processes of a run, this one excepted, however they were started or orphaned.

    The run's id in the environment marks them. Ray's agents overwrite their environment with their
    title, but hold files below the run's folder, whose name is random and theirs alone.
    """
    return [p for p in _own_processes() if _has_mark(p, run_id) or _holds(p, run_dir)]


def kill_all(processes: Iterable[psutil.Process], *, wait_s: float = 5.0) -> list[psutil.Process]:
    """Kills processes at once; returns those that are still there after `wait_s`.

    A process that has ended and waits for its parent to notice has no port and no memory: it
    counts as ended.
    """
    waiting = list(processes)
    end_s = time.monotonic() + wait_s
    for process in waiting:
        with contextlib.suppress(psutil.Error):
            process.kill()
    while (alive := [p for p in waiting if _is_alive(p)]) and time.monotonic() < end_s:
        time.sleep(_STEP_S)
    return alive


def kill_descendants(*, wait_s: float = 5.0) -> None:
    """Kills everything below this process until nothing is left, also what is forked meanwhile.

    Where this process is a subreaper, orphans stand below it too.
    """
    end_s = time.monotonic() + wait_s
    me = psutil.Process()
    while time.monotonic() < end_s:
        reap_children()
        children = [p for p in me.children(recursive=True) if _is_alive(p)]
        if not children:
            return
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
        time.sleep(_STEP_S)


def reap_children() -> dict[int, int]:
    """Takes leave of every child that has ended: process id and exit status."""
    ended: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended[pid] = os.waitstatus_to_exitcode(status)
    return ended


def listening_sockets(processes: Iterable[psutil.Process]) -> list[tuple[int, str, int]]:
    """Process id, address and port of every TCP socket on which one of the processes listens."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    address = connection.laddr.ip.removeprefix("::ffff:")
                    found.append((process.pid, address, connection.laddr.port))
    return found


def port_owner(port: int) -> str | None:
    """Who listens on a port, in words; None where nobody of this user does."""
    for process in _own_processes():
        if any(p == port for _, _, p in listening_sockets([process])):
            with contextlib.suppress(psutil.Error):
                command = " ".join(process.cmdline())[:100]
                return f"process {process.pid} ({command})"
    return None


def is_free(host: str, port: int) -> bool:
    """Whether a server may listen on the address now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of 127.0.0.1 that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return tuple(each.getsockname()[1] for each in sockets)


def memory_bytes(process: psutil.Process) -> int:
    """A process's share of the memory: pages that several processes share count in parts."""
    info = process.memory_full_info()
    return int(info.pss if sys.platform == "linux" else info.uss)


def _own_processes() -> Iterator[psutil.Process]:
    me, uid = os.getpid(), os.getuid()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != me and process.uids().real == uid and _is_alive(process):
                yield process


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _has_mark(process: psutil.Process, run_id: str) -> bool:
    try:
        return process.environ().get(RUN_ID_VARIABLE) == run_id
    except psutil.Error:
        return False


def _holds(process: psutil.Process, run_dir: Path) -> bool:
    start = f"{run_dir}{os.sep}"
    try:
        if any(start in argument for argument in process.cmdline()):
            return True
        return any(file.path.startswith(start) for file in process.open_files())
    except psutil.Error:
        return False
