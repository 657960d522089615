"""A file of news for a replay: JSON Lines of the topic's shape, read line by line, gzip or not."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from services.sentiment.news import MAX_VALUE_BYTES, decode
from shared.errors import InputError
from shared.streaming.dead_letters import DecodeError
from shared.streaming.message import Record

_KEPT_FAULTS = 100
_MAX_LINE_BYTES = MAX_VALUE_BYTES + 1024
_BLOCK_BYTES = 64 * 1024
_GZIP_MARK = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class NewsLine:
    """A line that the stream will take: its number, its bytes, and what a replay needs of it."""

    number: int
    value: bytes
    id: str
    published_at: float


@dataclass(frozen=True, slots=True)
class NewsFile:
    """What was found when a file was read through.

    `count` lines can be sent, published from `first_s` to `last_s` (Unix seconds); of
    `refused_count` others the first have a reason each in `refused`.
    """

    path: Path
    count: int
    first_s: float
    last_s: float
    refused: tuple[str, ...]
    refused_count: int

    @property
    def span_s(self) -> float:
        """The seconds from the earliest record to the latest."""
        return self.last_s - self.first_s

    def lines(self) -> Iterator[NewsLine]:
        """The lines that can be sent, in the file's order."""
        return (line for line in _lines(self.path) if isinstance(line, NewsLine))


def examine_news(path: Path) -> NewsFile:
    """Reads a file through once, so that every fault is known before the first record is sent.

    Raises:
        InputError: the file cannot be read.
    """
    count = refused_count = 0
    first_s, last_s = float("inf"), float("-inf")
    refused: list[str] = []
    for line in _lines(path):
        if isinstance(line, NewsLine):
            count += 1
            first_s, last_s = min(first_s, line.published_at), max(last_s, line.published_at)
        else:
            refused_count += 1
            refused += [line] if len(refused) < _KEPT_FAULTS else []
    if count == 0:
        first_s = last_s = 0.0
    return NewsFile(path, count, first_s, last_s, tuple(refused), refused_count)


def _lines(path: Path) -> Iterator[NewsLine | str]:
    """Every line that is not empty: as news, or the reason why it is none."""
    try:
        with _opened(path) as file:
            number = 0
            while raw := file.readline(_MAX_LINE_BYTES + 1):
                number += 1
                if not raw.endswith(b"\n") and len(raw) > _MAX_LINE_BYTES:
                    _skip_line(file)
                if value := raw.strip():
                    yield _read(path, number, value)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def _read(path: Path, number: int, value: bytes) -> NewsLine | str:
    # As the stream will read it; only whether the time lies ahead depends on when it is sent.
    record = Record("", "", 0, 0, 0, None, value)
    try:
        news = decode(record, arrived_at=0.0, max_ahead_s=float("inf"))
    except DecodeError as error:
        return f"{path}:{number}: {error}"
    return NewsLine(number, value, news.id, news.published_at)


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        is_gzip = file.read(len(_GZIP_MARK)) == _GZIP_MARK
    return cast(BinaryIO, gzip.open(path, "rb")) if is_gzip else path.open("rb")


def _skip_line(file: BinaryIO) -> None:
    """Reads to the end of a line that is too long to be kept."""
    while (block := file.readline(_BLOCK_BYTES)) and not block.endswith(b"\n"):
        continue
