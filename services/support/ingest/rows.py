"""Rows of CSV and JSON Lines files as documents; a fault names its row."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from services.support.documents import Document
from services.support.ingest.ids import DerivedIds, derived_id
from services.support.ingest.table_rows import FIELDS, check_headings, fields_of, place_of
from services.support.schemas import ArticleFields, DocumentFields, QuestionFields
from shared.errors import InputError
from shared.tabular.rows import Limits
from shared.tabular.table import TableFormat, open_table
from shared.validation.faults import faults_of
from shared.validation.identifiers import Identifier
from shared.validation.values import found

_ID: TypeAdapter[str] = TypeAdapter(Identifier)
_QUESTION: TypeAdapter[DocumentFields] = TypeAdapter(QuestionFields)
_ARTICLE: TypeAdapter[DocumentFields] = TypeAdapter(ArticleFields)
_LIMITS = Limits(unpacked_bytes=256 * 1024 * 1024, rows=1_000_000)


def read_rows(
    content: bytes, *, name: str, derived: DerivedIds, table_format: TableFormat | None = None
) -> Iterator[Document]:
    """The documents of a table: rows with `question, answer` or `title, text`, and perhaps `id`.

    Further columns of a CSV become the document's metadata. A row without an id gets one from its
    question or title; `derived` knows those of the request.

    Raises:
        InputError: a row is not such a document; the message has the number of its line.
    """
    table = open_table(content, name=name, known=FIELDS, table_format=table_format, limits=_LIMITS)
    check_headings(table)
    for row in table.rows():
        fields, place = fields_of(table, row), place_of(table, row)
        document = document_of(fields, place=place)
        if fields.get("id") is None:
            derived.check(document.title, document.text, place=place)
        yield document


def document_of(row: object, *, place: str) -> Document:
    """A row as a document; without an `id` it gets one from its question or title.

    So a file that is loaded again is there once, and an edited answer takes the old one's place.

    Raises:
        InputError: the row has other fields than a document, or one is too long or empty.
    """
    if not isinstance(row, Mapping):
        raise InputError(f"{place}: expected an object, found {found(row)}")
    fields = dict(row)
    given_id = fields.pop("id", None)
    try:
        kind = _QUESTION if "question" in fields else _ARTICLE
        document = kind.validate_python(fields).document("")
        document_id = (
            derived_id(document.title) if given_id is None else _ID.validate_python(given_id)
        )
    except ValidationError as error:
        fault = faults_of(error, row)[0]
        raise InputError(f"{place}: {fault if fault.place else f'id: {fault}'}") from None
    return replace(document, id=document_id)
