"""Uploaded files as documents, by the ending of their names."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import PurePosixPath

import yaml

from services.support.documents import Document
from services.support.ingest.rows import document_of, read_csv, read_json_lines
from shared.errors import InputError
from shared.text.decoding import decode_utf8
from shared.text.html import html_title
from shared.text.identifiers import MAX_IDENTIFIER_CHARS
from shared.text.markdown import plain_markdown
from shared.text.passages import TextFormat

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)(?:\A|\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"^#{1,6}[ \t]+(\S.*)$", re.MULTILINE)
_NOT_IN_ID = re.compile(r"[\x00-\x1f\x7f/\\]+")


def read_file(name: str, content: bytes) -> Iterable[Document]:
    """The documents of one file; Markdown, HTML and plain text are one document each.

    Raises:
        InputError: the ending is not known, or the content is not what it says.
    """
    reader = _READERS.get(PurePosixPath(name.lower()).suffix)
    if reader is None:
        known = " ".join(sorted(_READERS))
        raise InputError(f"file {name!r}: its ending is none of {known}", param="file")
    return reader(name, content)


def split_front_matter(source: str, *, name: str) -> tuple[Mapping[str, object], str]:
    """The YAML between `---` lines at the start of a Markdown text, and what follows it.

    Raises:
        InputError: what stands between the lines is not a YAML mapping.
    """
    match = _FRONT_MATTER.match(source)
    if match is None:
        return {}, source
    try:
        values = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{name}: the front matter is not YAML: {reason}") from None
    if values is not None and not isinstance(values, dict):
        raise InputError(f"{name}: the front matter is a {type(values).__name__}, not a mapping")
    return values or {}, source[match.end() :]


def _read_markdown(name: str, content: bytes) -> list[Document]:
    metadata, text = split_front_matter(decode_utf8(content, name=name), name=name)
    fields = {str(k): _json_value(v) for k, v in metadata.items() if v is not None}
    heading = _HEADING.search(text)
    title = fields.pop("title", None) or (plain_markdown(heading[0]) if heading else _stem(name))
    document_id = fields.pop("id", None)
    return [_document(name, title, text, TextFormat.MARKDOWN, fields, document_id)]


def _read_html(name: str, content: bytes) -> list[Document]:
    text = decode_utf8(content, name=name)
    return [_document(name, html_title(text) or _stem(name), text, TextFormat.HTML)]


def _read_plain(name: str, content: bytes) -> list[Document]:
    text = decode_utf8(content, name=name)
    return [_document(name, _stem(name), text, TextFormat.PLAIN)]


def _document(
    name: str,
    title: object,
    text: str,
    text_format: TextFormat,
    metadata: Mapping[str, object] | None = None,
    document_id: object = None,
) -> Document:
    row = {"title": title, "text": text, "format": text_format, "metadata": metadata or {}}
    row["id"] = (
        _NOT_IN_ID.sub("-", _stem(name))[:MAX_IDENTIFIER_CHARS]
        if document_id is None
        else document_id
    )
    return document_of(row, place=name)


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _json_value(value: object) -> object:
    """YAML knows dates; JSON writes them as text."""
    if isinstance(value, date):
        return value.isoformat()
    return [_json_value(item) for item in value] if isinstance(value, list) else value


_Reader = Callable[[str, bytes], Iterable[Document]]
_READERS: Mapping[str, _Reader] = {
    ".md": _read_markdown,
    ".markdown": _read_markdown,
    ".html": _read_html,
    ".htm": _read_html,
    ".txt": _read_plain,
    ".csv": lambda name, content: read_csv(content, name=name),
    ".jsonl": lambda name, content: read_json_lines(content, name=name),
    ".ndjson": lambda name, content: read_json_lines(content, name=name),
}
