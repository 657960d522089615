"""The real platform, started once as a user starts it, for all tests of this folder."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

BANYAN = Path(sys.executable).with_name("banyan")
START_S = 120.0
STOP_S = 30.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    """Polls until the condition holds; fails with its name when the time is up."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(0.1)


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
    def variables(self) -> dict[str, str]:
        mine = {"BANYAN_STATE_DIR": str(self.state_dir), "BANYAN_HTTP_PORT": str(self.port)}
        return {**os.environ, **mine, **self.environ}

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
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [BANYAN, "up", *arguments],
                env=self.variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(self.settled, timeout_s=START_S, what=f"banyan up ({self.log})")
        if self.process.poll() is not None:
            raise RuntimeError(f"banyan up ended:\n{self.log.read_text()[-4000:]}")
        return time.monotonic() - begun_s

    def settled(self) -> bool:
        """Whether the platform answers, or has ended."""
        if self.process is None or self.process.poll() is not None:
            return True
        return self.ready("v1") and self.ready("support")

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
        assert self.process.wait(STOP_S) == 0, self.log.read_text()[-4000:]
        return time.monotonic() - begun_s

    def stop(self) -> None:
        """Ends whatever is left, whatever happened before."""
        self.command("down")
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform with the sample knowledge base, shared by tests that do not stop it."""
    platform = Platform(tmp_path_factory.mktemp("platform") / "var")
    try:
        platform.up()
        yield platform
    finally:
        platform.stop()


@pytest.fixture
def own_platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform that a test starts, kills and starts again as it likes."""
    platform = Platform(tmp_path / "var")
    try:
        yield platform
    finally:
        platform.stop()
