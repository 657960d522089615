"""The characters of a PDF's pages with their places, by PDFium."""

import ctypes
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

import pypdfium2
from pypdfium2 import raw

from services.support.ingest.extraction import limits
from services.support.ingest.extraction.extracted import RefusedFileError
from services.support.ingest.extraction.pdf.drawings import Drawn, Stroke, drawn_on

_BOLD = ("bold", "black", "heavy", "demi", "-bd", "cmbx", "sfbx")
"""In names of fonts; the last two are TeX's."""
_BOLD_WEIGHT = 600
_FORCE_BOLD = 1 << 18
_NAME_BYTES = 256
_STRAIGHT = 0.03
"""Radians by which a line may be askew."""
_HYPHENS = ("\x02", "\ufffe", "\xad")


@dataclass(frozen=True, slots=True)
class Glyph:
    """A character: from `left` to `right`, on the line `base`, all in points, up is more."""

    text: str
    left: float
    right: float
    base: float
    size: float
    is_bold: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page in the direction in which it is read: glyphs in the file's order, None ends a line.

    Drawn lines reach from one place to another: `horizontals` at a height, `verticals` at a place
    from the left.
    """

    width: float
    height: float
    glyphs: tuple[Glyph | None, ...]
    horizontals: Sequence[Stroke]
    verticals: Sequence[Stroke]
    has_pictures: bool

    @property
    def has_text(self) -> bool:
        """Whether there is more than space on it."""
        return any(glyph is not None and not glyph.text.isspace() for glyph in self.glyphs)


def read_pages(document: pypdfium2.PdfDocument) -> Iterator[Page]:
    """Every page of a document.

    Raises:
        RefusedFileError: it has too many pages or too much text, or one of them is broken.
    """
    if len(document) > limits.MAX_PAGES:
        raise RefusedFileError(
            f"it has {len(document)} pages, at most {limits.MAX_PAGES} are read: split it"
        )
    left = limits.MAX_GLYPHS
    for number in range(len(document)):
        try:
            page = document[number]
            text = page.get_textpage()
        except pypdfium2.PdfiumError:
            raise RefusedFileError(
                f"it is a broken PDF, its page {number + 1} of {len(document)} cannot be read: "
                "save it again from the program that made it"
            ) from None
        left -= text.count_chars()
        if left < 0:
            raise RefusedFileError(f"it has more than {limits.MAX_GLYPHS} characters: split it")
        yield _page(page, text)
        text.close()
        page.close()


def _page(page: Any, text: Any) -> Page:
    width, height = page.get_size()
    reader = _Reader(text.raw)
    found = [reader.glyph(index) for index in range(text.count_chars())]
    turned = Counter(each[0] for each in found if each is not None)
    main = turned.most_common(1)[0][0] if turned else 0
    glyphs = tuple(
        None if each is None else each[1] for each in found if each is None or each[0] == main
    )
    drawn = drawn_on(page) if main == 0 else Drawn()
    return Page(width, height, glyphs, drawn.horizontals, drawn.verticals, drawn.has_pictures)


class _Reader:
    """The glyphs of one page; what is the same for a whole run of text is asked once."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._bold: dict[int | None, bool] = {}
        self._box = raw.FS_RECTF()
        self._matrix = raw.FS_MATRIX()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()

    def glyph(self, index: int) -> tuple[int, Glyph] | None:
        """The glyph with the quarter turns in which it is written; None where a line ends."""
        page = self._page
        code = raw.FPDFText_GetUnicode(page, index)
        if code in (0x0A, 0x0D):
            return None
        text = chr(code) if code not in (0, 0xFFFF) and not 0xD800 <= code < 0xE000 else "\ufffd"
        text = "-" if text in _HYPHENS else text
        raw.FPDFText_GetLooseCharBox(page, index, self._box)
        raw.FPDFText_GetCharOrigin(page, index, self._x, self._y)
        raw.FPDFText_GetMatrix(page, index, self._matrix)
        matrix, box = self._matrix, self._box
        nominal = raw.FPDFText_GetFontSize(page, index)
        size = abs(nominal) * hypot(matrix.c, matrix.d) or abs(nominal)
        turn = _turn(matrix.a, matrix.b)
        left, right, base = _turned(turn, box, self._x.value, self._y.value)
        return turn, Glyph(text, left, right, base, size, self._is_bold(index))

    def _is_bold(self, index: int) -> bool:
        run = ctypes.cast(raw.FPDFText_GetTextObject(self._page, index), ctypes.c_void_p).value
        if run not in self._bold:
            self._bold[run] = self._font_is_bold(index)
        return self._bold[run]

    def _font_is_bold(self, index: int) -> bool:
        name, flags = ctypes.create_string_buffer(_NAME_BYTES), ctypes.c_int()
        raw.FPDFText_GetFontInfo(self._page, index, name, _NAME_BYTES, flags)
        said = name.value.decode(errors="replace").lower()
        weight = raw.FPDFText_GetFontWeight(self._page, index)
        is_heavy = weight >= _BOLD_WEIGHT or bool(flags.value & _FORCE_BOLD)
        return is_heavy or any(word in said for word in _BOLD)


def _turn(a: float, b: float) -> int:
    """Quarter turns against the clock, or -1 for what is written aslant, such as a watermark."""
    length = hypot(a, b) or 1.0
    cosine, sine = a / length, b / length
    if abs(sine) < _STRAIGHT:
        return 0 if cosine > 0 else 2
    if abs(cosine) < _STRAIGHT:
        return 1 if sine > 0 else 3
    return -1


def _turned(turn: int, box: Any, x: float, y: float) -> tuple[float, float, float]:
    """From where to where a glyph reaches in the direction of its line, and its base line."""
    match turn:
        case 1:
            return box.bottom, box.top, -x
        case 2:
            return -box.right, -box.left, -y
        case 3:
            return -box.top, -box.bottom, x
    return box.left, box.right, y
