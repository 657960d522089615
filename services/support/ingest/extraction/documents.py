"""An extracted text as a row of a table of documents."""

from collections.abc import Mapping

from services.support.ingest.extraction.extracted import Extracted
from services.support.ingest.ids import id_of_file, stem
from shared.errors import InputError
from shared.text.html import html_title
from shared.text.passages import TextFormat

_MAX_TITLE_CHARACTERS = 200


def row_of(name: str, extracted: Extracted) -> Mapping[str, object]:
    """The row of a file: its title is what its properties say, its first heading or its name.

    Raises:
        InputError: the text exceeds a limit of `shared.text.limits`.
    """
    try:
        heading = html_title(extracted.html)
    except InputError as error:
        raise InputError(f"{name}: {error}", param="file") from None
    return {
        "id": id_of_file(name),
        "title": extracted.title or heading[:_MAX_TITLE_CHARACTERS] or stem(name),
        "text": extracted.html,
        "format": TextFormat.HTML,
        "metadata": dict(extracted.metadata),
    }
