"""The id of what has none: a row's comes from its question or title, so that an edited answer
replaces the old one; a file's is its name without the ending.
"""

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath

from shared.errors import InputError
from shared.validation.identifiers import MAX_IDENTIFIER_CHARS

_ID_CHARS = 16
_NOT_IN_ID = re.compile(r"[\x00-\x1f\x7f/\\]+")


def derived_id(title: str) -> str:
    """The id of a row with this question or title, whatever its case, space and Unicode form."""
    plain = " ".join(unicodedata.normalize("NFKC", title).casefold().split())
    return hashlib.sha256(f"title\0{plain}".encode()).hexdigest()[:_ID_CHARS]


def former_id(title: str, text: str) -> str:
    """The id that such a row had before, when it came from the answer too.

    A stored document with it gives way to a row with the same question or title.
    """
    return hashlib.sha256(f"{title}\0{text}".encode()).hexdigest()[:_ID_CHARS]


def id_of_file(name: str) -> str:
    """The id of a file that is one document and says none."""
    return _NOT_IN_ID.sub("-", stem(name))[:MAX_IDENTIFIER_CHARS]


def stem(name: str) -> str:
    """A file's name without the ending."""
    return PurePosixPath(name).stem


class DerivedIds:
    """The rows without an id that were read so far, so that one question has one answer."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, bytes]] = {}

    def check(self, title: str, text: str, *, place: str) -> None:
        """Refuses a question that stands elsewhere with another answer; the same row may repeat.

        Raises:
            InputError: it does; the message names both places.
        """
        content = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        first, other = self._seen.setdefault(derived_id(title), (place, content))
        if other != content:
            raise InputError(
                f"{place}: {title[:80]!r} stands in {first} already, with another answer: keep "
                "one, or give each row an id"
            )
