"""Consumers as processes: started, killed, frozen, thawed and stopped from outside."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.drills.plan import ConsumerPlan

_STOP_S = 40.0
_LAST_BYTES = 4_000


@dataclass
class Member:
    """One consumer: `log` keeps what all its processes said."""

    name: str
    plan_file: Path
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    is_frozen: bool = False

    def start(self) -> None:
        """Starts a process; the one before must be gone."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.drills.consumer", str(self.plan_file)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self.is_frozen = False

    def kill(self) -> None:
        """SIGKILL, and the end of the process."""
        if self.process is None:
            return
        self.process.kill()
        self._reap(_STOP_S)

    def freeze(self) -> None:
        """SIGSTOP: connections and locks stay held."""
        os.kill(self._pid, signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self._pid, signal.SIGCONT)
        self.is_frozen = False

    def stop(self) -> None:
        """Lets it finish and leave its group."""
        if self.process is None:
            return
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self._reap(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def check_alive(self) -> None:
        """Raises RuntimeError with its last words if the process ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.said}")

    @property
    def said(self) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-_LAST_BYTES:].decode("utf-8", "replace")

    @property
    def _pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _reap(self, timeout_s: float) -> None:
        assert self.process is not None
        self.process.wait(timeout_s)
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None


@contextmanager
def members(plan: ConsumerPlan, count: int, folder: Path) -> Iterator[list[Member]]:
    """`count` running consumers of one group, stopped afterwards whatever became of them."""
    folder.mkdir(parents=True, exist_ok=True)
    plan_file = folder / "plan.json"
    plan_file.write_text(plan.model_dump_json())
    team = [
        Member(f"consumer {number}", plan_file, folder / f"consumer-{number}.log")
        for number in range(1, count + 1)
    ]
    try:
        for member in team:
            member.start()
        yield team
        for member in team:
            member.stop()
    finally:
        for member in team:
            member.kill()
