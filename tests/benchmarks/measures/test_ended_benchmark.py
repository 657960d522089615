"""A benchmark that is ended by a signal or a time limit leaves no platform running."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.harness.platform import is_alive
from tests.harness.waiting import wait_for

BENCHMARK = """
import sys, time
from pathlib import Path
from tests.harness import platform

platform.BANYAN = Path(sys.argv[1])
started = platform.Platform(Path(sys.argv[2]))
started.begin("--no-sample")
print(started.process.pid, flush=True)
time.sleep(3600)
"""
PROGRAM = """#!/bin/sh
echo "banyan $*"
exec sleep 3600
"""


@pytest.fixture
def benchmark(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """A process that starts a platform, of which a program that waits stands in the place."""
    program = tmp_path / "banyan"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    arguments = (str(program), str(tmp_path / "var"))
    with subprocess.Popen(
        [sys.executable, "-c", BENCHMARK, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_platform_ends_with_the_benchmark_that_started_it(
    benchmark: "subprocess.Popen[str]", number: signal.Signals, tmp_path: Path
) -> None:
    assert benchmark.stdout is not None
    platform = psutil.Process(int(benchmark.stdout.readline()))
    log = tmp_path / "var.log"
    wait_for(lambda: log.read_text() == "banyan up --no-sample\n", "the program runs", timeout_s=60)

    try:
        benchmark.send_signal(number)
        benchmark.wait(60)
        wait_for(lambda: not is_alive(platform), "the platform ends", timeout_s=60)
    finally:
        if is_alive(platform):
            platform.kill()
