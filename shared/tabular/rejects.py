"""A file of the rows that could not be used: JSON Lines of file, row and reason."""

from pathlib import Path
from typing import BinaryIO

import orjson

from shared.errors import InputError


class RejectsFile:
    """Made when the first row is refused; where none is, an older one of the name is removed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> "RejectsFile":
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, file: Path, number: int, reason: str) -> None:
        """Writes a row that was refused.

        Raises:
            InputError: the file cannot be written.
        """
        self.count += 1
        line = orjson.dumps({"file": str(file), "row": number, "reason": reason})
        try:
            if self._file is None:
                self._file = self.path.open("ab")
            self._file.write(line + b"\n")
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> InputError:
        return InputError(
            f"{self.path} cannot be written ({error.strerror}): name another with --rejects FILE"
        )
