"""Reads PDF and DOCX files, each in a process that is ended when its time is over.

A parser of such files may be led to loop, to fill the memory or to crash: all of that ends the
process, with a sentence for whoever sent the file, and nothing else.
"""

import logging
import signal
from collections.abc import Callable

from services.support.ingest.extraction.extracted import Extracted, FileKind
from services.support.ingest.extraction.limits import MAX_FILE_BYTES, WALL_FACTOR
from services.support.ingest.extraction.process import Ended, Seconds, read_in_process
from services.support.ingest.extraction.worker import REFUSED, TEXT
from shared.errors import InputError

LOGGER = logging.getLogger(__name__)

_MIB = 1024 * 1024
_OUT_OF_PROCESSOR_TIME = (-signal.SIGPROF, -signal.SIGXCPU)
_OUT_OF_WALL_TIME = (None, -signal.SIGALRM)


def check_size(file_bytes: int, *, name: str) -> None:
    """Returns if a file is small enough to be read.

    Raises:
        InputError: it is not.
    """
    if file_bytes > MAX_FILE_BYTES:
        size, most = file_bytes / _MIB, MAX_FILE_BYTES // _MIB
        raise _refused(name, f"it has {size:.0f} MiB, at most {most} are read: split it")


class Extractor:
    """Reads the files of one request, which share its seconds.

    `budget_s` are seconds of a processor, so that a file that is read on a quiet machine is read on
    a busy one too; on the clock it may take `WALL_FACTOR` times as long.
    """

    def __init__(
        self,
        budget_s: float,
        *,
        read: Callable[[FileKind, bytes, Seconds], Ended] = read_in_process,
    ) -> None:
        self._budget = Seconds(budget_s, budget_s * WALL_FACTOR)
        self._left = self._budget
        self._read = read

    def extract(self, kind: FileKind, content: bytes, *, name: str) -> Extracted:
        """The text of a file; blocks.

        Raises:
            InputError: it cannot be read; the message names it and says what helps.
        """
        check_size(len(content), name=name)
        given = self._left
        if min(given.processor, given.wall) <= 0:
            raise _refused(
                name,
                f"the files before it took the {self._budget.processor:g} seconds of a processor "
                f"({self._budget.wall:g} on a busy machine's clock) that the PDF and DOCX files of "
                "one request may take: send fewer at a time",
            )
        ended = self._read(kind, content, given)
        self._left = given - ended.used
        return _extracted(ended, given, name, kind)


def _extracted(ended: Ended, given: Seconds, name: str, kind: FileKind) -> Extracted:
    answer = ended.answer
    if answer.startswith(TEXT):
        return Extracted.load(answer.removeprefix(TEXT))
    if answer.startswith(REFUSED):
        raise _refused(name, answer.removeprefix(REFUSED).decode())
    LOGGER.warning("reading a %s ended with status %s: %s", kind, ended.status, ended.log)
    if ended.status in _OUT_OF_PROCESSOR_TIME:
        raise _refused(
            name,
            f"reading it takes more than {given.processor:.3g} seconds of a processor: split it, "
            "or save it again from the program that made it",
        )
    if ended.status in _OUT_OF_WALL_TIME:
        raise _refused(
            name,
            f"it is not read within {given.wall:.3g} seconds, since the machine is busy: load it "
            "again later, or split it",
        )
    raise _refused(
        name,
        f"it is a {kind.upper()} that is broken, or takes more memory than is given to one "
        "file: save it again from the program that made it, or split it",
    )


def _refused(name: str, reason: str) -> InputError:
    return InputError(f"{name}: {reason}", param="file")
