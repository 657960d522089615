"""Whatever ends, all of it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.harness.waiting import wait_for

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux alone")
NAMES = ("guard", "driver", "child", "orphan")


@dataclass(frozen=True)
class Supervised:
    folder: Path
    process: subprocess.Popen[bytes]

    def pid(self, name: str) -> int:
        wait_for((self.folder / name).exists, f"{name} is noted")
        return int((self.folder / name).read_text())

    def started(self) -> list[int]:
        return [self.pid(name) for name in NAMES]

    def assert_gone(self) -> None:
        pids = [int((self.folder / n).read_text()) for n in NAMES if (self.folder / n).exists()]
        wait_for(lambda: not any(is_alive(pid) for pid in pids), "all have ended")
        wait_for((self.folder / "cleaned").exists, "the rest is cleaned up")


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Supervised]]:
    begun: list[Supervised] = []

    def begin(behaviour: str) -> Supervised:
        command = [
            sys.executable,
            "-m",
            "tests.services.cli.platform.supervised",
            str(tmp_path),
            behaviour,
        ]
        begun.append(Supervised(tmp_path, subprocess.Popen(command)))
        return begun[-1]

    yield begin
    for supervised in begun:
        supervised.process.kill()
        supervised.process.wait()


Start = Callable[[str], Supervised]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_orderly(start: Start, number: signal.Signals) -> None:
    supervised = start("wait")
    supervised.started()

    supervised.process.send_signal(number)

    assert supervised.process.wait(60) == 0
    assert (supervised.folder / "orderly").exists()
    supervised.assert_gone()


def test_a_second_signal_does_not_wait(start: Start) -> None:
    supervised = start("stubborn")
    supervised.started()

    supervised.process.send_signal(signal.SIGINT)
    wait_for(lambda: is_alive(supervised.pid("driver")), "the driver ignores the first")
    begun_s = time.monotonic()
    while supervised.process.poll() is None:
        supervised.process.send_signal(signal.SIGINT)
        time.sleep(0.05)

    assert time.monotonic() - begun_s < 5
    supervised.assert_gone()


def test_a_driver_that_fails_takes_all_with_it(start: Start) -> None:
    supervised = start("fail")

    assert supervised.process.wait(60) == 1
    supervised.assert_gone()


def test_a_driver_that_raises_counts_as_failed(start: Start) -> None:
    supervised = start("raise")

    assert supervised.process.wait(60) == 1
    supervised.assert_gone()


@LINUX
@pytest.mark.parametrize("victim", ["up", "guard", "driver"])
def test_a_kill_of_any_part_ends_all(
    start: Start, victim: str, capfd: pytest.CaptureFixture[str]
) -> None:
    supervised = start("wait")
    supervised.started()

    os.kill(supervised.pid(victim), signal.SIGKILL)

    supervised.assert_gone()
    assert supervised.process.wait(60) != 0
    if victim != "up":
        assert "ended by SIGKILL" in capfd.readouterr().err


@LINUX
def test_a_guard_that_goes_with_the_command_takes_the_driver(start: Start) -> None:
    supervised = start("wait")
    supervised.started()

    os.kill(supervised.pid("up"), signal.SIGKILL)
    os.kill(supervised.pid("guard"), signal.SIGKILL)

    wait_for(lambda: not is_alive(supervised.pid("driver")), "the driver ends")
    for name in ("child", "orphan"):
        os.kill(supervised.pid(name), signal.SIGKILL)
