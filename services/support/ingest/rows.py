"""Rows of CSV and JSON Lines files as documents; a fault names its row."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping

from pydantic import TypeAdapter, ValidationError

from services.support.documents import Document
from services.support.schemas import ArticleFields, DocumentFields, QuestionFields
from shared.errors import InputError
from shared.text.csv_cells import allow_long_cells
from shared.text.decoding import decode_utf8
from shared.text.identifiers import Identifier
from shared.text.json_text import load_user_json
from shared.validation.faults import faults_of
from shared.validation.values import found

_ID: TypeAdapter[str] = TypeAdapter(Identifier)
_QUESTION: TypeAdapter[DocumentFields] = TypeAdapter(QuestionFields)
_ARTICLE: TypeAdapter[DocumentFields] = TypeAdapter(ArticleFields)
_FIELDS = frozenset({"id", "title", "text", "question", "answer", "format", "metadata"})


def read_json_lines(content: bytes, *, name: str) -> Iterator[Document]:
    """One JSON object a line: `question, answer` or `title, text`, and `id`, `metadata`.

    Raises:
        InputError: a line is not such an object; the message has its number.
    """
    text = decode_utf8(content, name=name)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"{name}, line {number}"
            yield document_of(load_user_json(line, name=place), place=place)


def read_csv(content: bytes, *, name: str) -> Iterator[Document]:
    """A table with a line of headings: `question, answer` or `title, text`, and perhaps `id`.

    Further columns become the document's metadata.

    Raises:
        InputError: a row is no such document; the message has the number of its last line.
    """
    text = decode_utf8(content, name=name)
    allow_long_cells()
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            place = f"{name}, line {reader.line_num}"
            if None in row or None in row.values():
                raise InputError(f"{place}: the row has not as many cells as the headings")
            metadata = {key: row.pop(key) for key in row.keys() - _FIELDS}
            given = {key: value for key, value in row.items() if value or key not in ("id",)}
            yield document_of({**given, "metadata": metadata}, place=place)
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}: not CSV: {error}") from None


def document_of(row: object, *, place: str) -> Document:
    """A row as a document; without an `id` it gets one from its content.

    So a file that is loaded twice is there once.

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
        document_id = _content_id(document) if given_id is None else _ID.validate_python(given_id)
    except ValidationError as error:
        raise InputError(f"{place}: {_fault(error, row)}") from None
    return kind.validate_python(fields).document(document_id)


def _content_id(document: Document) -> str:
    content = f"{document.title}\0{document.text}".encode()
    return hashlib.sha256(content).hexdigest()[:16]


def _fault(error: ValidationError, row: Mapping[str, object]) -> str:
    first = faults_of(error, row)[0]
    return str(first) if first.place else f"id: {first}"
