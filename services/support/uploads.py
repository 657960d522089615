"""The body of an upload: files of a form, or JSON Lines."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from services.support.documents import Document
from services.support.ingest.extraction.extracted import KINDS
from services.support.ingest.extraction.extractor import Extractor
from services.support.ingest.files import read_file
from services.support.ingest.ids import DerivedIds
from services.support.ingest.rows import read_rows
from shared.errors import InputError
from shared.http.body_types import FORM, JSON_LINES, media_type
from shared.tabular.table import TableFormat

_BODY = "the body"
_GZIP_MARK = b"\x1f\x8b"
_MAX_FILES = 1000

UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": (
                                "Each file's name ends in .md, .markdown, .html, .htm, .txt, .pdf, "
                                ".docx, .csv, .tsv, .jsonl or .ndjson."
                            ),
                            "minItems": 1,
                        }
                    },
                    "required": ["file"],
                }
            },
            JSON_LINES: {"schema": {"type": "string"}},
        },
    }
}
"""OpenAPI's description: FastAPI cannot derive one for two media types."""


_EXTRACTIONS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="extraction")
"""So many uploads of PDF and DOCX are read at once in a process; other requests need no place."""


async def read_upload(request: Request, *, max_rows: int, extract_s: float) -> list[Document]:
    """All documents of a request, of which a later one with the same id replaces an earlier one.

    Its PDF and DOCX files take at most `extract_s` seconds of a processor together.

    Raises:
        InputError: a file or row is not a document (the message names it), there is none, or there
            are more than `max_rows`.
    """
    if media_type(request.headers) == FORM:
        files = await _files(request)
    else:
        files = [(_BODY, await request.body())]
    is_extracted = any(PurePosixPath(name.lower()).suffix in KINDS for name, _ in files)
    # Threads that wait for slow files are none of those that answer questions meanwhile.
    threads = _EXTRACTIONS if is_extracted else None
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(threads, _documents, files, max_rows, Extractor(extract_s))


async def _files(request: Request) -> list[tuple[str, bytes]]:
    try:
        async with request.form(max_files=_MAX_FILES, max_fields=_MAX_FILES) as form:
            uploads = [value for _, value in form.multi_items()]
            if not all(isinstance(upload, UploadFile) for upload in uploads):
                raise InputError("every part of the form must be a file with a name", param="file")
            return [
                (upload.filename or "", await upload.read())
                for upload in uploads
                if isinstance(upload, UploadFile)
            ]
    except MultiPartException as error:
        raise InputError(f"the form cannot be read: {error.message}") from None


def _documents(
    files: Iterable[tuple[str, bytes]], max_rows: int, extractor: Extractor
) -> list[Document]:
    documents: dict[str, Document] = {}
    rows = 0
    derived = DerivedIds()
    for name, content in files:
        for document in _read(name, content, derived, extractor):
            rows += 1
            if rows > max_rows:
                raise InputError(f"{name}: more than {max_rows} documents: send them in parts")
            documents[document.id] = document
    if not documents:
        raise InputError("the request holds no document: send at least one")
    return list(documents.values())


def _read(
    name: str, content: bytes, derived: DerivedIds, extractor: Extractor
) -> Iterable[Document]:
    if content.startswith(_GZIP_MARK):
        # A body is bounded; what a thousand packed files would become is not.
        raise InputError(f"{name} is packed by gzip: unpack it first", param="file")
    if name == _BODY:
        return read_rows(content, name=_BODY, derived=derived, table_format=TableFormat.JSON_LINES)
    return read_file(name, content, derived, extractor)
