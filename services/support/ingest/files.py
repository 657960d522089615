"""Uploaded files as documents, by the ending of their names."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath

from services.support.documents import Document
from services.support.ingest.extraction.documents import row_of
from services.support.ingest.extraction.extracted import KINDS
from services.support.ingest.extraction.extractor import Extractor
from services.support.ingest.front_matter import split_front_matter
from services.support.ingest.ids import DerivedIds, id_of_file, stem
from services.support.ingest.rows import document_of, read_rows
from services.support.ingest.table_rows import ROW_SUFFIXES
from shared.errors import InputError
from shared.tabular.encoding import decode_text
from shared.text.decoding import check_text
from shared.text.html import html_title
from shared.text.limits import check_characters
from shared.text.markdown import markdown_title
from shared.text.passages import TextFormat

_EXTRACTION_S = 60.0


def read_file(
    name: str, content: bytes, derived: DerivedIds, extractor: Extractor | None = None
) -> Iterable[Document]:
    """The documents of one file; only tables hold several.

    `derived` knows the rows without an id of the files before it. The text of PDF and DOCX is
    stored as HTML; the `extractor` bounds the seconds of a processor that they and the files
    before them take.

    Raises:
        InputError: the ending is not known, or the content is not what it says.
    """
    suffix = PurePosixPath(name.lower()).suffix
    if suffix in ROW_SUFFIXES:
        return read_rows(content, name=name, derived=derived)
    if kind := KINDS.get(suffix):
        extracted = (extractor or Extractor(_EXTRACTION_S)).extract(kind, content, name=name)
        return [document_of(row_of(name, extracted), place=name)]
    reader = _READERS.get(suffix)
    if reader is None:
        known = " ".join(sorted([*_READERS, *KINDS, *ROW_SUFFIXES]))
        raise InputError(f"file {name!r}: its ending is none of {known}", param="file")
    return reader(name, content)


def _read_markdown(name: str, content: bytes) -> list[Document]:
    metadata, text = split_front_matter(_decode(name, content), name=name)
    fields = dict(metadata)
    title = fields.pop("title", None) or _title(markdown_title, text, name)
    document_id = fields.pop("id", None)
    return [_document(name, title, text, TextFormat.MARKDOWN, fields, document_id)]


def _read_html(name: str, content: bytes) -> list[Document]:
    text = _decode(name, content)
    return [_document(name, _title(html_title, text, name), text, TextFormat.HTML)]


def _read_plain(name: str, content: bytes) -> list[Document]:
    text = _decode(name, content)
    return [_document(name, stem(name), text, TextFormat.PLAIN)]


def _decode(name: str, content: bytes) -> str:
    text = check_text(decode_text(content, name=name), name=name)
    check_characters(text, name=name)
    return text


def _title(title_of: Callable[[str], str], text: str, name: str) -> str:
    try:
        return title_of(text) or stem(name)
    except InputError as error:
        raise InputError(f"{name}: {error}", param="file") from None


def _document(
    name: str,
    title: object,
    text: str,
    text_format: TextFormat,
    metadata: Mapping[str, object] | None = None,
    document_id: object = None,
) -> Document:
    row = {"title": title, "text": text, "format": text_format, "metadata": metadata or {}}
    row["id"] = id_of_file(name) if document_id is None else document_id
    return document_of(row, place=name)


_Reader = Callable[[str, bytes], Iterable[Document]]
_READERS: Mapping[str, _Reader] = {
    ".md": _read_markdown,
    ".markdown": _read_markdown,
    ".html": _read_html,
    ".htm": _read_html,
    ".txt": _read_plain,
}
