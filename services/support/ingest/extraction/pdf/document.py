"""A PDF as HTML."""

from collections.abc import Sequence

import pypdfium2
from pypdfium2 import raw

from services.support.ingest.extraction.extracted import Extracted, RefusedFileError
from services.support.ingest.extraction.html import checked_html
from services.support.ingest.extraction.pdf.blocks import Blocks, Edges
from services.support.ingest.extraction.pdf.contents import without_contents
from services.support.ingest.extraction.pdf.furniture import without_furniture
from services.support.ingest.extraction.pdf.glyphs import Page, read_pages
from services.support.ingest.extraction.pdf.joining import Joiner
from services.support.ingest.extraction.pdf.lines import Line, read_page
from services.support.ingest.extraction.pdf.measures import Measures
from services.support.ingest.extraction.pdf.segments import segments_of
from services.support.ingest.extraction.pdf.tables import FoundTable
from services.support.ingest.extraction.pdf.writing import write_html
from services.support.ingest.extraction.signatures import described, is_pdf
from services.support.ingest.extraction.titles import sensible_title

_SCANNED = (
    "pictures of pages, as a scanner makes them: let a program recognise its text (such as "
    "`ocrmypdf`), and load what that writes"
)
_UNREADABLE = 0.2


def extract_pdf(content: bytes) -> Extracted:
    """Its headings, paragraphs, lists and tables, in their order.

    Pictures, running headers and footers, page numbers, tables of contents and text that is written
    aslant are left out.

    Raises:
        RefusedFileError: it is not a PDF, is encrypted, broken or scanned, or exceeds a limit.
    """
    if not is_pdf(content):
        raise RefusedFileError(
            f"it is not a PDF, it is {described(content)}: give the file its right ending, save it "
            "as PDF, or load it again from where it came from"
        )
    document = _opened(content)
    pages = list(read_pages(document))
    title = sensible_title(document.get_metadata_value("Title"))
    empty = sum(not page.has_text for page in pages)
    _check_text(pages, empty)
    html = checked_html(_html(pages), nothing=_SCANNED)
    counts = {"pages": len(pages)}
    return Extracted(html, title, counts | ({"pages_without_text": empty} if empty else {}))


def _opened(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise RefusedFileError(
                "a password protects it: save it without one (print it to PDF, for example)"
            ) from None
        if error.err_code == raw.FPDF_ERR_SECURITY:
            raise RefusedFileError(
                "it is encrypted in a way that is not read: save it without"
            ) from None
        raise RefusedFileError(
            "it is a broken PDF, or one cut off on its way: load it again from where it came from"
        ) from None


def _check_text(pages: Sequence[Page], empty: int) -> None:
    """Refuses what is scanned, and what a font without a table of characters makes unreadable.

    Raises:
        RefusedFileError: it is one of these.
    """
    pictures = sum(page.has_pictures and not page.has_text for page in pages)
    if empty == len(pages) or pictures * 2 > len(pages):
        raise RefusedFileError(
            f"{empty} of its {len(pages)} pages have no text: it holds {_SCANNED}"
        )
    shown = [glyph.text for page in pages for glyph in page.glyphs if glyph and glyph.text.strip()]
    unknown = sum(text == "\ufffd" or "\ue000" <= text <= "\uf8ff" for text in shown)
    if unknown > _UNREADABLE * len(shown):
        raise RefusedFileError(
            f"its fonts do not say which letters {unknown} of its {len(shown)} signs are: save it "
            "again from the program that made it, or let a program recognise its text (such as "
            "`ocrmypdf --force-ocr`)"
        )


def _html(pages: Sequence[Page]) -> str:
    segments = without_furniture([(page, segments_of(page.glyphs)) for page in pages])
    items: list[Line | FoundTable] = []
    for page, found in zip(pages, segments, strict=True):
        items += read_page(page, found)
    items = list(without_contents(items))
    lines = [item for item in items if isinstance(item, Line)]
    cells = [s.text for i in items if isinstance(i, FoundTable) for s in i.segments]
    joiner = Joiner([*(line.text for line in lines), *cells])
    if not lines:
        lines = [Line("", 0, 0, 1, False, None)]
    measures = Measures.of(lines)
    blocks = Blocks(measures, Edges(items, measures))
    for item in items:
        blocks.add(item)
    return write_html(blocks.finish(), joiner)
