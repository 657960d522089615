"""What is read of a PDF or DOCX: the text as HTML, a title, and what is known of the file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

import orjson

from shared.errors import InputError


class FileKind(StrEnum):
    """The files whose text is extracted."""

    PDF = "pdf"
    DOCX = "docx"


KINDS: Mapping[str, FileKind] = {f".{kind}": kind for kind in FileKind}
"""The kind by the ending of a file's name, in lower case."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text as HTML; `title` is empty where the file says none.

    `metadata` is kept with the document: a PDF's `pages`, and how many of them have no text.
    """

    html: str
    title: str
    metadata: Mapping[str, int] = field(default_factory=dict)

    def dump(self) -> bytes:
        """As JSON, for `load`."""
        return orjson.dumps(asdict(self))

    @classmethod
    def load(cls, content: bytes) -> "Extracted":
        """What `dump` wrote.

        Raises:
            ValueError: it is something else.
        """
        values = orjson.loads(content)
        try:
            html, title = str(values["html"]), str(values["title"])
            return cls(html, title, {str(k): int(v) for k, v in values["metadata"].items()})
        except (AttributeError, KeyError, TypeError):
            raise ValueError("not an extracted text, its title and metadata") from None


class RefusedFileError(InputError):
    """A file cannot be read; the message says what it is and what helps, without its name."""
