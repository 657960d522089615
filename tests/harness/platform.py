"""A platform as a user has it: started, asked and stopped through the command line alone."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from shared.streaming import embedded_child
from tests.harness.waiting import wait_for

BANYAN = Path(sys.executable).with_name("banyan")
START_S = 120.0
STOP_S = 30.0
PORTS = range(20_000, 30_000)
"""Below those that a system gives to whoever names none: Ray would be given many, and take one."""


def free_port() -> int:
    """A port that nobody listens on now, nor by chance before it is used."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise RuntimeError(f"no port of {PORTS} is free")


def ends_with_us(command: Sequence[str]) -> list[str]:
    """The command as one that the kernel kills when the thread that starts it is gone.

    Whoever runs a benchmark may end it by a signal or a time limit, and no `finally` runs then. Of
    a killed `banyan up` the guard ends the rest.
    """
    return [sys.executable, "-I", "-S", embedded_child.__file__, str(os.getpid()), *command]


@dataclass
class Platform:
    """A platform with its own state folder and port, driven through the command line."""

    state_dir: Path
    port: int = field(default_factory=free_port)
    environ: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.state_dir.with_name(f"{self.state_dir.name}.log")

    @property
    def said(self) -> str:
        """What `banyan up` printed since it was last started."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    @property
    def variables(self) -> dict[str, str]:
        mine = {"BANYAN_STATE_DIR": str(self.state_dir), "BANYAN_HTTP_PORT": str(self.port)}
        return {**os.environ, "COLUMNS": "200", **mine, **self.environ}

    def command(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs `banyan ARGUMENTS` against this platform."""
        return subprocess.run(
            [BANYAN, *arguments],
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def up(self, *arguments: str) -> float:
        """Starts the platform and returns how many seconds it took until every part was ready."""
        begun_s = time.monotonic()
        self.begin(*arguments)
        wait_for(self.settled, timeout_s=START_S, what=f"banyan up ({self.log})")
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"banyan up ended:\n{self.said}")
        return time.monotonic() - begun_s

    def begin(self, *arguments: str) -> None:
        """Starts `banyan up` and does not wait for it; it ends with the thread that starts it."""
        self.state_dir.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ends_with_us([str(BANYAN), "up", *arguments]),
                env=self.variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def settled(self) -> bool:
        """Whether the platform answers, or has ended."""
        if self.process is None or self.process.poll() is not None:
            return True
        return "Banyan answers at" in self.said

    def ready(self, prefix: str) -> bool:
        try:
            return httpx.get(f"{self.url}/{prefix}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def interrupt(self) -> float:
        """Sends Ctrl-C and returns how many seconds the platform took to end."""
        assert self.process is not None
        begun_s = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(STOP_S) == 0, self.said
        return time.monotonic() - begun_s

    def kill(self) -> None:
        """Ends `banyan up` as the kernel would when memory is out: nothing can clean up."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_S)

    def stop(self) -> None:
        """Ends whatever is left, whatever happened before."""
        self.command("down")
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)

    def logs(self) -> list[Path]:
        """The files to which the processes of the present or of the last run write."""
        try:
            run = json.loads((self.state_dir / "run.json").read_bytes())
            folder = Path(run["run_dir"]) / "ray" / "session_latest" / "logs"
        except FileNotFoundError:
            folder = self.state_dir / "logs"
        files = (path for pattern in ("*.err", "*.log") for path in folder.rglob(pattern))
        return [path for path in files if path.is_file()]

    def processes(self) -> set[psutil.Process]:
        """Every living process of this platform.

        They are those whose environment names its state folder, and all below them: Ray's workers
        write their title over their environment. This is not how `banyan down` finds them, on
        purpose: so a process that it overlooks is found.
        """
        marked = set(_processes_with("BANYAN_STATE_DIR", str(self.state_dir)))
        below = {child for process in marked for child in _children_of(process)}
        return {process for process in marked | below if is_alive(process)}


def is_alive(process: psutil.Process) -> bool:
    """Whether the process, not another with its id, runs."""
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def name_of(process: psutil.Process) -> str:
    """A process's name; empty where it has ended meanwhile."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def command_of(process: psutil.Process) -> str:
    """A process's command line; empty where it has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def connections_of(process: psutil.Process, kind: str) -> list[Any]:
    """A process's sockets; none where it has ended meanwhile."""
    try:
        return list(process.net_connections(kind))
    except psutil.NoSuchProcess:
        return []


def _processes_with(variable: str, value: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(variable) == value and process.pid != os.getpid():
                yield process
        except psutil.Error:
            continue


def _children_of(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
