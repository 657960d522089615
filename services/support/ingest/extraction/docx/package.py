"""The package of a DOCX: a zip of XML, checked before anything parses it."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from xml.parsers import expat

from services.support.ingest.extraction import limits
from services.support.ingest.extraction.extracted import RefusedFileError
from services.support.ingest.extraction.signatures import (
    described,
    is_encrypted_office,
    is_ole,
)

_MAIN = "word/document.xml"
_CONTENT_TYPES = "[Content_Types].xml"
_XML_ENDINGS = (".xml", ".rels")
_OTHERS = (
    ("xl/", "an Excel workbook (.xlsx): save its sheets as CSV"),
    ("ppt/", "a PowerPoint presentation (.pptx): save it as PDF"),
    ("content.xml", "an OpenDocument text (.odt): save it as .docx"),
    ("META-INF/container.xml", "an e-book (.epub): save it as .docx, PDF or HTML"),
)
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError),
    *(RuntimeError, OSError, ValueError),
)
"""What the reader of zip files raises: its entries may be cut off, encrypted or packed oddly."""
_MIB = 1024 * 1024


def checked_package(content: bytes) -> bytes:
    """The package with its texts alone, each of which was unpacked, and parsed, within the limits.

    Pictures, fonts, macros and what else is embedded are left out: nothing later can reach them.

    Raises:
        RefusedFileError: it is not a DOCX, is encrypted or broken, or exceeds a limit.
    """
    try:
        with zipfile.ZipFile(_whole(content)) as package:
            return _rewritten(dict(_texts(package)))
    except _BROKEN:
        raise RefusedFileError(
            "it is a broken DOCX, one cut off on its way, or one packed in a way that is not read: "
            "load it again from where it came from, or save it again in Word"
        ) from None


def _whole(content: bytes) -> io.BytesIO:
    if is_encrypted_office(content):
        raise RefusedFileError("a password protects it: save it without one")
    if is_ole(content):
        raise RefusedFileError(
            "it is a Word document of the old form (.doc), or another Office file of it: save it "
            "as .docx"
        )
    if not content.startswith(b"PK"):
        raise RefusedFileError(
            f"it is not a DOCX, it is {described(content)}: give the file its right ending, save "
            "it as .docx, or load it again from where it came from"
        )
    return io.BytesIO(content)


def _texts(package: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    entries = package.infolist()
    if len(entries) > limits.MAX_ENTRIES:
        raise RefusedFileError(
            f"it is a zip of {len(entries)} entries, at most {limits.MAX_ENTRIES} are read: save "
            "it again in Word, or split it"
        )
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise RefusedFileError("it is a zip with two entries of one name: save it again in Word")
    if _MAIN not in names or _CONTENT_TYPES not in names:
        raise RefusedFileError(f"it is not a DOCX, it is {_other(names)}")
    texts = [entry for entry in entries if entry.filename.lower().endswith(_XML_ENDINGS)]
    _check_sizes(texts)
    elements = limits.MAX_XML_ELEMENTS
    for entry in texts:
        content = package.read(entry)
        elements -= _elements(content, entry.filename, most=elements)
        yield entry.filename, content


def _other(names: list[str]) -> str:
    for start, what in _OTHERS:
        if any(name.startswith(start) for name in names):
            return what
    return "a zip file of something else: unpack it, and load what it holds"


def _check_sizes(texts: list[zipfile.ZipInfo]) -> None:
    """By what the package says of itself: its reader unpacks no more than that."""
    total = sum(entry.file_size for entry in texts)
    if total > limits.MAX_XML_BYTES:
        raise RefusedFileError(
            f"its texts unpack to {total / _MIB:.0f} MiB, at most {limits.MAX_XML_BYTES // _MIB} "
            "are read: split it"
        )
    for entry in texts:
        ratio = entry.file_size / max(1, entry.compress_size)
        if entry.file_size > limits.RATIO_FROM_BYTES and ratio > limits.MAX_RATIO:
            raise RefusedFileError(
                f"its entry {entry.filename[:80]!r} unpacks to {ratio:.0f} times its size, at most "
                f"{limits.MAX_RATIO} times is read: save it again in Word"
            )


def _elements(content: bytes, name: str, *, most: int) -> int:
    """The number of elements of a text, which declares no entities and is not too deep."""
    count = _Count(name, most)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = count.refuse_declaration
    parser.StartElementHandler = count.open
    parser.EndElementHandler = count.close
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise RefusedFileError(
            f"it is a broken DOCX, its {name[:80]!r} is not XML ({error}): save it again in Word"
        ) from None
    return count.elements


class _Count:
    def __init__(self, name: str, most: int) -> None:
        self.elements = 0
        self._name = name
        self._most = most
        self._depth = 0

    def refuse_declaration(self, *_: object) -> None:
        raise RefusedFileError(
            f"its {self._name[:80]!r} declares a document type, which no DOCX does and which may "
            "name other files: save it again in Word"
        )

    def open(self, _tag: str, _attributes: object) -> None:
        self.elements += 1
        self._depth += 1
        if self.elements > self._most:
            raise RefusedFileError(f"it has more than {limits.MAX_XML_ELEMENTS} elements: split it")
        if self._depth > limits.MAX_XML_DEPTH:
            raise RefusedFileError(
                f"its {self._name[:80]!r} nests deeper than {limits.MAX_XML_DEPTH} levels: write "
                "its tables and text boxes flatter"
            )

    def close(self, _tag: str) -> None:
        self._depth -= 1


def _rewritten(texts: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as package:
        for name, content in texts.items():
            package.writestr(name, content)
    return made.getvalue()
