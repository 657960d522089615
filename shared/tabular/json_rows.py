"""Rows of JSON Lines: one object a line."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson

from shared.tabular.encoding import Encoding
from shared.tabular.json_size import oversize
from shared.tabular.rows import MAX_LINE_CHARACTERS, BadRow, Row
from shared.tabular.source import READ_BYTES, Source

_BOM = b"\xef\xbb\xbf"
_ROWS_A_LOOK = 64
_ReadLine = Callable[[int], bytes]
_KINDS = {"list": "a list", "str": "a text", "int": "a number", "float": "a number"}


def json_rows(
    source: Source, encoding: Encoding, *, start: int = 0, stop: int | None = None, first: int = 1
) -> Iterator[Row | BadRow]:
    """The rows of the lines that begin in the bytes `[start, stop)` after unpacking.

    `first` is the number of the first of these lines.
    """
    done = 0
    with _opened(source, encoding, start) as (read_line, position):
        at, number = start, first - 1
        while (stop is None or at < stop) and (line := read_line(MAX_LINE_CHARACTERS)):
            number += 1
            at += len(line)
            if number % _ROWS_A_LOOK == 1:
                done = position()
            if len(line) >= MAX_LINE_CHARACTERS and not line.endswith(b"\n"):
                at += _skip_line(read_line)
                yield BadRow(number, f"longer than {MAX_LINE_CHARACTERS:,} bytes", done)
            elif text := (line.removeprefix(_BOM) if number == 1 else line).strip():
                yield _row(number, text, done)


def line_parts(source: Source, part_bytes: int) -> Iterator[tuple[int, int, int]]:
    """The bytes `[start, stop)` of whole lines, about so many, and the number of the first line."""
    start, first = 0, 1
    with source.opened() as (stream, _):
        while True:
            read = lines = 0
            while read < part_bytes and (block := stream.read(min(READ_BYTES, part_bytes - read))):
                read += len(block)
                lines += block.count(b"\n")
            if not read:
                return
            while rest := stream.readline(READ_BYTES):
                read += len(rest)
                if rest.endswith(b"\n"):
                    lines += 1
                    break
            yield start, start + read, first
            start, first = start + read, first + lines


def _row(number: int, text: bytes, done: int) -> Row | BadRow:
    if (too_much := oversize(text)) is not None:
        return BadRow(number, too_much, done)
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return BadRow(number, _fault(text, error), done)
    if not isinstance(parsed, dict):
        kind = type(parsed).__name__
        found = "null" if parsed is None else _KINDS.get(kind, kind)
        return BadRow(number, f"expected an object {{...}}, found {found}", done)
    return Row(number, parsed, done)


def _fault(text: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        text.decode()
    except UnicodeDecodeError as broken:
        byte = f"0x{text[broken.start]:02x}"
        return f"not UTF-8: its byte {broken.start + 1} is {byte}: convert the row"
    return f"not JSON: {error.msg} at character {error.colno}"


@contextmanager
def _opened(
    source: Source, encoding: Encoding, start: int
) -> Iterator[tuple[_ReadLine, Callable[[], int]]]:
    """What reads the next line as UTF-8, at most so many bytes or characters of it."""
    with source.opened() as (stream, position):
        if encoding.codec == "utf-8":
            stream.seek(start)
            yield stream.readline, position
            return
        with io.TextIOWrapper(stream, encoding=encoding.codec, newline="\n") as text:
            yield lambda limit: text.readline(limit).removeprefix("\ufeff").encode(), position


def _skip_line(read_line: _ReadLine) -> int:
    skipped = 0
    while more := read_line(READ_BYTES):
        skipped += len(more)
        if more.endswith(b"\n"):
            break
    return skipped
