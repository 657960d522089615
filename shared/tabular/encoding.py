"""Which encoding a text has: by its byte order mark, as strict UTF-8, or as a detector is sure of.

It is decided by all of a file's bytes before its first row is read, and is UTF-8 wherever the bytes
allow it. Where most lines are UTF-8 and some are not, the file has been put together from several:
those lines are bad, and each is named.
"""

import codecs
from dataclasses import dataclass, field
from typing import BinaryIO

from shared.tabular.guess import guess_encoding
from shared.tabular.rows import DEFAULT_LIMITS, MAX_LINE_CHARACTERS, Limits
from shared.tabular.source import Source, TableError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NAMES = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "utf-32-le": "UTF-32 LE",
    "utf-32-be": "UTF-32 BE",
    "cp1252": "Windows-1252",
    "gb18030": "GB18030",
}
_BLOCK_BYTES = 1024 * 1024
_SAMPLE_BYTES = 64 * 1024
_LEAST_NUL_SHARE = 0.01
_NUL_PARITY = 20
_BROKEN_SHARE = 0.2
_UTF8_BY_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding by Python's name for it; in a `is_mixed` file some lines are not in it."""

    codec: str
    is_mixed: bool = False

    @property
    def name(self) -> str:
        """As people call it."""
        return _NAMES[self.codec]

    @property
    def errors(self) -> str:
        """What decoding does with bytes that are not in it: they become lone surrogates."""
        return "surrogateescape" if self.is_mixed else "strict"


def find_encoding(source: Source, limits: Limits) -> Encoding:
    """Reads a text through and tells its encoding.

    Raises:
        TableError: it cannot be told, or the text is longer than the limit after unpacking.
    """
    with source.opened() as (stream, _):
        head = stream.read(_SAMPLE_BYTES)
    marked = next((codec for bom, codec in _BOMS if head.startswith(bom)), None)
    codec = marked or _unmarked_utf16(head) or "utf-8"
    fault = _first_fault(source, codec, limits)
    if fault is None:
        return Encoding(codec)
    if codec != "utf-8":
        raise TableError.of(
            source.name,
            f"begins as {_NAMES[codec]}, and its byte {fault + 1:,} is not: save it as UTF-8 again",
        )
    return _not_utf8(source, limits)


def decode_text(content: bytes, *, name: str) -> str:
    """The text of a document in any of these encodings, without a byte order mark.

    Raises:
        TableError: its encoding cannot be told, or its lines are in several.
    """
    source = Source(name, content)
    encoding = find_encoding(source, DEFAULT_LIMITS)
    if encoding.is_mixed:
        raise _unsure(source, _census_of(source), "some of its lines are UTF-8 and some are not")
    with source.opened() as (stream, _):
        return stream.read().decode(encoding.codec).removeprefix("\ufeff")


def _first_fault(source: Source, codec: str, limits: Limits) -> int | None:
    """The place of the first byte that the codec does not allow; None where there is none."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
    read = 0
    with source.opened() as (stream, _):
        while block := stream.read(_BLOCK_BYTES):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return max(read + len(block) - len(error.object) + error.start, 0)
            read += len(block)
            if read > limits.unpacked_bytes:
                raise TableError.of(
                    source.name,
                    f"holds more than {limits.unpacked_bytes:,} bytes: give it in parts",
                )
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return max(read - len(error.object) + error.start, 0)
    return None


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 without its mark: half of every ASCII character is NUL, always the same half."""
    first, second = head[::2].count(0), head[1::2].count(0)
    if first + second < max(2, _LEAST_NUL_SHARE * len(head)):
        return None
    if second > _NUL_PARITY * first:
        return "utf-16-le"
    return "utf-16-be" if first > _NUL_PARITY * second else None


@dataclass(slots=True)
class _Census:
    """The lines of a text that is not UTF-8: all, those that are broken, those that are UTF-8 and
    not ASCII; the first broken one with its byte; and a sample of the broken ones.
    """

    lines: int = 0
    broken: int = 0
    utf8: int = 0
    first: tuple[int, int, int] = (0, 0, 0)
    sample: bytearray = field(default_factory=bytearray)

    def count(self, stream: BinaryIO) -> None:
        while line := stream.readline(MAX_LINE_CHARACTERS):
            self.lines += 1
            if line.isascii():
                continue
            try:
                line.decode()
                self.utf8 += 1
            except UnicodeDecodeError as error:
                self.broken += 1
                if self.broken == 1:
                    self.first = (self.lines, error.start + 1, line[error.start])
                if len(self.sample) + len(line) <= _SAMPLE_BYTES or not self.sample:
                    self.sample += line[:_SAMPLE_BYTES]


def _census_of(source: Source) -> _Census:
    census = _Census()
    with source.opened() as (stream, _):
        census.count(stream)
    return census


def _not_utf8(source: Source, limits: Limits) -> Encoding:
    census = _census_of(source)
    guess, doubt = guess_encoding(bytes(census.sample))
    # Two or three bytes may be UTF-8 by chance, a whole line of many seldom, a word never.
    by_chance = 0.0 if guess == "cp1252" else _UTF8_BY_CHANCE * census.broken
    is_pure = census.utf8 <= by_chance
    if guess is not None and is_pure and _first_fault(source, guess, limits) is None:
        return Encoding(guess)
    if census.broken > _BROKEN_SHARE * census.lines and is_pure:
        raise _unsure(source, census, doubt or "it holds bytes that are not in it")
    return Encoding("utf-8", is_mixed=True)


def _unsure(source: Source, census: _Census, doubt: str) -> TableError:
    line, place, byte = census.first
    return TableError.of(
        source.name,
        f"line {line} is not UTF-8 (its byte {place} is 0x{byte:02x}), and which encoding it is in "
        f"cannot be told for certain: {doubt}; save it as UTF-8, or convert it, as by `iconv -f "
        "ENCODING -t UTF-8`",
    )
