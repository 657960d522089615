"""Where the bytes of a file come from: a path or memory, gzip or not, and how many there may be."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from shared.errors import InputError

READ_BYTES = 256 * 1024
_GZIP_MARK = b"\x1f\x8b"


class TableError(InputError):
    """A file, or what is left of it, cannot be read as rows; `reason` leaves its name out."""

    reason: str = ""

    @classmethod
    def of(cls, name: str, reason: str) -> "TableError":
        """The error of the file `name`."""
        error = cls(f"{name}: {reason}")
        error.reason = reason
        return error


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes with the name that messages call it by."""

    name: str
    content: Path | bytes

    @property
    def size(self) -> int:
        """The bytes of the file itself, packed where it is."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def is_packed(self) -> bool:
        """Whether it is gzip, whatever its name says."""
        with self._raw() as raw:
            return raw.read(len(_GZIP_MARK)) == _GZIP_MARK

    @contextmanager
    def opened(self) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
        """The bytes, unpacked, and a function for how many bytes of the file itself are read."""
        with self._raw() as raw:
            is_packed = raw.read(len(_GZIP_MARK)) == _GZIP_MARK
            raw.seek(0)
            unpacked = cast(io.RawIOBase, gzip.GzipFile(fileobj=raw) if is_packed else raw)
            with io.BufferedReader(unpacked, READ_BYTES) as stream:
                yield stream, raw.tell

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Turns what reading a damaged, missing or forbidden file raises into a `TableError`."""
        import pyarrow

        try:
            yield
        except OSError as error:
            raise TableError.of(self.name, f"cannot be read: {error.strerror or error}") from None
        except (EOFError, zlib.error, pyarrow.ArrowException) as error:
            raise TableError.of(self.name, f"cannot be read, it is damaged: {error}") from None

    def _raw(self) -> BinaryIO:
        if isinstance(self.content, bytes):
            return io.BytesIO(self.content)
        return cast(BinaryIO, self.content.open("rb", buffering=0))
