"""HTML as the readers of files write it: a block a line, and nothing but blocks and text."""

import re
from html import escape

from services.support.ingest.extraction.extracted import RefusedFileError
from shared.text.limits import MAX_DOCUMENT_CHARACTERS, MAX_HTML_ELEMENTS

_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TAG = re.compile(r"<[^<>]*>")


def text_html(text: str) -> str:
    """A text as HTML; quotes stay as they are."""
    return escape(_FORBIDDEN.sub("", text), quote=False)


def checked_html(html: str, *, nothing: str) -> str:
    """The HTML if it has text, and is short enough to be a document.

    Raises:
        RefusedFileError: it is not; `nothing` says what a file without text holds and what helps.
    """
    shown = _FORBIDDEN.sub("", html)
    if not _TAG.sub("", shown).strip():
        raise RefusedFileError(f"it has no text: it holds {nothing}")
    if len(shown) > MAX_DOCUMENT_CHARACTERS:
        raise RefusedFileError(
            f"its text has {len(shown)} characters as HTML, at most {MAX_DOCUMENT_CHARACTERS} are "
            "read: split it"
        )
    if shown.count("<") > MAX_HTML_ELEMENTS * 2:
        raise RefusedFileError(
            f"it has more than {MAX_HTML_ELEMENTS} paragraphs, cells and bold words: split it"
        )
    return shown
