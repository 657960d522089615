"""From bytes to text that every later step can hold: strict UTF-8 without control characters."""

import re

from shared.errors import InputError

_BOM = "\ufeff"
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def decode_utf8(content: bytes, *, name: str) -> str:
    """Decodes a file's bytes; a byte order mark at the start is dropped.

    Raises:
        InputError: the bytes are not UTF-8, or hold characters that `check_text` refuses.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: byte {error.start} is not UTF-8: save the file as UTF-8 and send it again"
        ) from None
    return check_text(text.removeprefix(_BOM), name=name)


def check_text(text: str, *, name: str) -> str:
    """Returns the text if JSON, SQL and UTF-8 can all carry it.

    Tabs, line feeds, form feeds and carriage returns are allowed.

    Raises:
        InputError: the text holds a control character, NUL or half of a surrogate pair.
    """
    if found := _FORBIDDEN.search(text):
        raise InputError(
            f"{name}: character {found.start()} is U+{ord(found[0]):04X}, which no text needs: "
            "remove it",
            param=name,
        )
    return text
