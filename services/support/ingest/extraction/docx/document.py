"""A Word document as HTML, by mammoth."""

import io
import re
import zipfile
from xml.etree import ElementTree

import mammoth

from services.support.ingest.extraction.docx.package import checked_package
from services.support.ingest.extraction.docx.structure import shown_structure
from services.support.ingest.extraction.extracted import Extracted, RefusedFileError
from services.support.ingest.extraction.html import checked_html
from services.support.ingest.extraction.titles import sensible_title

_PROPERTIES = "docProps/core.xml"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='TOC Heading'] => !
p[style-name='toc 1'] => !
p[style-name='toc 2'] => !
p[style-name='toc 3'] => !
p[style-name='toc 4'] => !
p[style-name='table of figures'] => !
p[style-name='heading 7'] => h6:fresh
p[style-name='heading 8'] => h6:fresh
p[style-name='heading 9'] => h6:fresh
"""
_NOTE_MARK = re.compile(r'<sup><a href="#(?:foot|end)note-[^"<>]*"[^<>]*>\[\d+\]</a></sup>')
_WAY_BACK = re.compile(r' ?<a href="#(?:foot|end)note-ref-[^"<>]*">↑</a>')
_MARKUP = re.compile(r"</?(?:strong|em)>")
_LONE_PARAGRAPH = re.compile(
    r"(<t[dh][^<>]*>)<p>((?:(?!</?p>|</t[dh]>).)*)</p>(?=</t[dh]>)", re.DOTALL
)
_ANCHOR = re.compile(r'<a id="[^"<>]*"></a>')
_BLOCK_END = re.compile(r"(</(?:p|h[1-6]|li|ul|ol|table|thead|tbody|tr)>)")


def extract_docx(content: bytes) -> Extracted:
    """Its headings, paragraphs, lists, tables and notes, in their order.

    Pictures, comments, deleted text, tables of contents, page headers and footers are left out.

    Raises:
        RefusedFileError: it is not a DOCX, is encrypted or broken, has no text or exceeds a limit.
    """
    package = checked_package(content)
    try:
        converted = mammoth.convert_to_html(
            io.BytesIO(package),
            style_map=_STYLES,
            include_embedded_style_map=False,
            external_file_access=False,
            convert_image=lambda _image: [],
            transform_document=shown_structure,
        )
    except RecursionError:
        raise RefusedFileError("it nests too deep: write its tables flatter") from None
    except (AttributeError, IndexError, KeyError, OSError, TypeError, ValueError):
        raise RefusedFileError(
            "it is a broken DOCX, whose parts do not fit together: save it again in Word"
        ) from None
    html = checked_html(_plain(converted.value), nothing="only pictures, perhaps: type its text")
    return Extracted(html, sensible_title(_given_title(package)))


def _plain(html: str) -> str:
    """The HTML without what a quotation would have to leave out, a block a line."""
    without = _MARKUP.sub("", _ANCHOR.sub("", _WAY_BACK.sub("", _NOTE_MARK.sub("", html))))
    without = _LONE_PARAGRAPH.sub(r"\1\2", without)
    return _BLOCK_END.sub(r"\1\n", without).strip()


def _given_title(package: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(package)) as texts:
        if _PROPERTIES not in texts.namelist():
            return ""
        # The package was checked: it declares no entities.
        return ElementTree.fromstring(texts.read(_PROPERTIES)).findtext(_TITLE) or ""  # noqa: S314
