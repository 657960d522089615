"""A real Apache Kafka for tests and drills: started, killed, frozen, thawed and stopped here."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.harness.data import ROOT

SCRIPT = Path(os.environ.get("BANYAN_TEST_KAFKA", ROOT.parent / "shared" / "kafka" / "kafka.py"))
START_S = 120.0
START_TRIES = 3
STOP_S = 60.0


@dataclass
class RealKafka:
    """A cluster of `nodes` brokers on 127.0.0.1, whose data and logs lie in `folder`."""

    folder: Path
    nodes: int = 1
    properties: dict[str, str] = field(default_factory=dict)
    bootstrap: str = ""

    def start(self) -> str:
        """Starts what is not running, with the data that is there; returns the bootstrap servers.

        A second start brings back what was killed, on the same ports.
        """
        settings = [f"--set={key}={value}" for key, value in self.properties.items()]
        options = [f"--nodes={self.nodes}", *settings] if not self.bootstrap else []
        for left in reversed(range(START_TRIES)):
            # On a busy machine kafka.py may look at a broker that is about to become java, take it
            # for dead and give up; asked again, it waits for the same one. One cluster id in 64
            # begins with "-", which Kafka's format takes for an option: nothing was planned then,
            # and a fresh start draws another id.
            try:
                self.bootstrap = self._run("start", *options, timeout_s=START_S).strip()
                break
            except RuntimeError:
                if left == 0:
                    raise
                if not (self.folder / "state.json").exists():
                    shutil.rmtree(self.folder, ignore_errors=True)
        return self.bootstrap

    def kill(self, node: int = 1) -> None:
        """SIGKILL: a crash."""
        self._signal(node, "KILL")

    def freeze(self, node: int = 1) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self._signal(node, "STOP")

    def thaw(self, node: int = 1) -> None:
        """SIGCONT."""
        self._signal(node, "CONT")

    def stop(self) -> None:
        """Ends all brokers and deletes their data."""
        self._run("stop", "--remove", timeout_s=STOP_S)

    def _signal(self, node: int, name: str) -> None:
        self._run("kill", f"--node={node}", f"--signal={name}", timeout_s=10.0)

    def _run(self, command: str, *options: str, timeout_s: float) -> str:
        line = [sys.executable, str(SCRIPT), command, "--dir", str(self.folder), *options]
        # The brokers write into their own logs and hold neither pipe open.
        done = subprocess.run(line, capture_output=True, text=True, timeout=timeout_s)
        if done.returncode != 0:
            raise RuntimeError(f"kafka.py {command} ended with {done.returncode}: {done.stderr}")
        return done.stdout


def skip_without_kafka() -> None:
    """Skips the calling test where no real Kafka can be started, and says why."""
    if not SCRIPT.exists():
        pytest.skip(f"no real Kafka: {SCRIPT} is not there (BANYAN_TEST_KAFKA names another)")
    if shutil.which("java") is None:
        pytest.skip("no real Kafka: java is not installed (Debian: openjdk-17-jre-headless)")


@contextmanager
def real_kafka(
    folder: Path, *, nodes: int = 1, properties: dict[str, str] | None = None
) -> Iterator[RealKafka]:
    """A running cluster, gone afterwards; skips where there is none to be had."""
    skip_without_kafka()
    kafka = RealKafka(folder, nodes, properties or {})
    kafka.start()
    try:
        yield kafka
    finally:
        kafka.stop()
