"""The process that reads one file: started without secrets, and ended when its time is over."""

import os
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from time import monotonic
from typing import IO

from services.support.ingest.extraction.extracted import FileKind

_MODULE = "services.support.ingest.extraction.worker"
_LOGGED_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Seconds:
    """What reading may take: of a processor, and on the clock, where others need the processors."""

    processor: float
    wall: float

    def __sub__(self, used: "Seconds") -> "Seconds":
        return Seconds(self.processor - used.processor, self.wall - used.wall)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit status (the signal's number below 0, None where its time on the
    clock was over), what it wrote, the end of its log, and what it took.
    """

    status: int | None
    answer: bytes
    log: str
    used: Seconds


def read_in_process(kind: FileKind, content: bytes, most: Seconds) -> Ended:
    """Has a file read within these seconds; blocks."""
    command = [
        *(sys.executable, "-m", _MODULE, kind.value),
        *(f"{most.processor:.1f}", f"{most.wall:.1f}"),
    ]
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as log,
    ):
        given.write(content)
        given.seek(0)
        begun = monotonic()
        process = subprocess.Popen(  # noqa: S603
            command, stdin=given, stdout=said, stderr=log, env=_environment()
        )
        status, processor_s = _wait(process, most.wall)
        used = Seconds(processor_s, monotonic() - begun)
        said.seek(0)
        return Ended(status, said.read() if status == 0 else b"", _tail(log), used)


def _wait(process: "subprocess.Popen[bytes]", wall_s: float) -> tuple[int | None, float]:
    """The exit status, None where it was killed at the end of its time; its processor seconds."""
    descriptor = os.pidfd_open(process.pid)
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        in_time = bool(ended.poll(wall_s * 1000))
        if not in_time:
            process.kill()
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        os.close(descriptor)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode if in_time else None, usage.ru_utime + usage.ru_stime


def _environment() -> dict[str, str]:
    """No secrets: the process needs to find its modules and nothing else."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}


def _tail(log: IO[bytes]) -> str:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - _LOGGED_BYTES))
    return log.read().decode(errors="replace").strip()
