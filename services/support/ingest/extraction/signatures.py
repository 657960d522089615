"""What a file is by its first bytes, for one whose ending says something else."""

from codecs import getincrementaldecoder

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_PDF_WITHIN = 1024
_MARKS = (
    (b"PK\x03\x04", "a zip file, as .docx, .xlsx and .pptx are"),
    (b"PK\x05\x06", "an empty zip file"),
    (b"{\\rtf", "a rich text file (.rtf)"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"\x1f\x8b", "packed by gzip"),
    (b"%!PS", "a PostScript file"),
)


def is_pdf(content: bytes) -> bool:
    """Whether the mark of a PDF stands near the beginning, where readers look for it."""
    return b"%PDF-" in content[:_PDF_WITHIN]


def is_ole(content: bytes) -> bool:
    """Whether it is a file of Word 97 to 2003, or an encrypted one of today."""
    return content.startswith(_OLE)


def is_encrypted_office(content: bytes) -> bool:
    """Whether it is a DOCX that a password protects: such a one is kept within the old form."""
    return is_ole(content) and _ENCRYPTED in content


def described(content: bytes) -> str:
    """What the file seems to be, as words that follow `it is`."""
    if not content:
        return "empty"
    if is_pdf(content):
        return "a PDF"
    if is_encrypted_office(content):
        return "an Office file that a password protects"
    if is_ole(content):
        return "an Office file of the old form (.doc, .xls or .ppt)"
    start = content[:200].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page (HTML), perhaps one that says why a download failed"
    found = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if found is not None:
        return found
    return "plain text" if _is_text(content[:_PDF_WITHIN]) else "of an unknown kind, or damaged"


def _is_text(start: bytes) -> bool:
    try:
        text = getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)
