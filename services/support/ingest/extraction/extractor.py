"""Reads PDF and DOCX files, each in a process that is ended when its time is over.

A parser of such files may be led to loop, to fill the memory or to crash: all of that ends the
process, with a sentence for whoever sent the file, and nothing else.
"""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from time import monotonic
from typing import IO

from services.support.ingest.extraction.extracted import Extracted, FileKind
from services.support.ingest.extraction.limits import MAX_FILE_BYTES
from services.support.ingest.extraction.worker import REFUSED, TEXT
from shared.errors import InputError

LOGGER = logging.getLogger(__name__)

_MODULE = "services.support.ingest.extraction.worker"
_MIB = 1024 * 1024
_LOGGED_BYTES = 2_000


def check_size(file_bytes: int, *, name: str) -> None:
    """Returns if a file is small enough to be read.

    Raises:
        InputError: it is not.
    """
    if file_bytes > MAX_FILE_BYTES:
        size, most = file_bytes / _MIB, MAX_FILE_BYTES // _MIB
        raise _refused(name, f"it has {size:.0f} MiB, at most {most} are read: split it")


class Extractor:
    """Reads the files of one request, which share its seconds."""

    def __init__(self, budget_s: float, now: Callable[[], float] = monotonic) -> None:
        self._budget_s = budget_s
        self._now = now
        self._used_s = 0.0

    def extract(self, kind: FileKind, content: bytes, *, name: str) -> Extracted:
        """The text of a file; blocks.

        Raises:
            InputError: it cannot be read; the message names it and says what helps.
        """
        check_size(len(content), name=name)
        left_s = self._budget_s - self._used_s
        if left_s <= 0:
            raise _refused(
                name,
                f"the files before it took the {self._budget_s:g} seconds that the PDF and DOCX "
                "files of one request may take: send fewer at a time",
            )
        started = self._now()
        try:
            answer = _answer(kind, content, left_s)
        except subprocess.TimeoutExpired:
            raise _refused(name, _too_slow(left_s)) from None
        finally:
            self._used_s += self._now() - started
        return _read(answer, name, kind)


def _too_slow(seconds: float) -> str:
    return (
        f"it is not read within {seconds:.3g} seconds: split it, or save it again from the program "
        "that made it"
    )


def _answer(kind: FileKind, content: bytes, seconds: float) -> bytes:
    """What the process says, or an empty text where it ended without a word."""
    command = [sys.executable, "-m", _MODULE, kind.value, f"{seconds:.1f}"]
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as log,
    ):
        given.write(content)
        given.seek(0)
        ended = subprocess.run(  # noqa: S603
            command,
            stdin=given,
            stdout=said,
            stderr=log,
            env=_environment(),
            timeout=seconds,
            check=False,
        )
        if ended.returncode:
            tail = _tail(log)
            LOGGER.warning("reading a %s ended with code %d: %s", kind, ended.returncode, tail)
            return b""
        said.seek(0)
        return said.read()


def _environment() -> dict[str, str]:
    """No secrets: the process needs to find its modules and nothing else."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}


def _tail(log: IO[bytes]) -> str:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - _LOGGED_BYTES))
    return log.read().decode(errors="replace").strip()


def _read(answer: bytes, name: str, kind: FileKind) -> Extracted:
    if answer.startswith(REFUSED):
        raise _refused(name, answer.removeprefix(REFUSED).decode())
    if not answer.startswith(TEXT):
        raise _refused(
            name,
            f"it is a {kind.upper()} that is broken, or takes more memory than is given to one "
            "file: save it again from the program that made it, or split it",
        )
    return Extracted.load(answer.removeprefix(TEXT))


def _refused(name: str, reason: str) -> InputError:
    return InputError(f"{name}: {reason}", param="file")
