"""Files of text, gzip or not, and whether they are the UTF-8 that is expected."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from shared.errors import InputError

_GZIP_MARK = b"\x1f\x8b"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@contextmanager
def opened_text(path: Path) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
    """The file's bytes, unpacked, and a function for how many bytes of the file itself are read.

    Raises:
        OSError: the file cannot be read; reading may raise EOFError and zlib.error besides.
    """
    with path.open("rb") as raw:
        is_gzip = raw.read(len(_GZIP_MARK)) == _GZIP_MARK
        raw.seek(0)
        if not is_gzip:
            yield raw, raw.tell
            return
        with gzip.open(raw, "rb") as unpacked:
            yield cast(BinaryIO, unpacked), raw.tell


def check_utf8(path: Path) -> None:
    """Reads a file through, so that a wrong encoding is known before the first row is used.

    Raises:
        InputError: a line is not UTF-8; the message names it and says how to convert the file.
    """
    with opened_text(path) as (file, _):
        for number, line in enumerate(file, start=1):
            if number == 1 and line.startswith(_UTF16_MARKS):
                raise InputError(f"{path} is UTF-16: {_remedy(path, 'UTF-16')}")
            try:
                line.decode()
            except UnicodeDecodeError as error:
                place = f"byte {error.start + 1} of the line, 0x{line[error.start]:02x},"
                raise InputError(
                    f"{path}:{number}: {place} is not UTF-8: {_remedy(path, 'WINDOWS-1252')}"
                ) from None


def _remedy(path: Path, encoding: str) -> str:
    name = path.name.removesuffix(".gz")
    return f"save it as UTF-8, or `iconv -f {encoding} -t UTF-8 {name} > utf8-{name}`"
