"""PDF and DOCX files, made here."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

from fpdf import FPDF
from fpdf.fonts import FontFace

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
STEPS = (
    "Take out the drip tray, which two small magnets hold at the back of the housing of the "
    "machine, above the foot.",
    "Rinse it under warm water.",
    "Put it back until you hear a click.",
)
CODES = (
    ("E1", "The water tank is empty or was not put back properly after it was filled", "Fill it."),
    ("E2", "The brew unit is blocked", "Take it out and rinse it under warm water, then dry it."),
    ("E3", "Overheated", "Wait 15 minutes."),
)


class _Manual(FPDF):
    """A header and a footer with page numbers on every page but the first."""

    def header(self) -> None:
        if self.page_no() > 1:
            self.set_font("helvetica", size=8)
            self.set_y(10)
            self.cell(95, 5, "Aurora Barista 3")
            self.cell(95, 5, "Operating manual", align="R")
            self.ln(15)

    def footer(self) -> None:
        if self.page_no() > 1:
            self.set_y(-15)
            self.set_font("helvetica", size=8)
            self.cell(190, 5, f"Page {self.page_no()} of {{nb}}", align="C")


def manual_pdf(chapters: Sequence[str], *, title: str = "Aurora Barista 3 manual") -> bytes:
    """A manual: a page for its name and one for each chapter, with headings, steps and a table."""
    pdf = _Manual()
    pdf.set_title(title)
    pdf.add_page()
    _heading(pdf, "Aurora Barista 3", 26)
    _text(pdf, "Thank you for choosing this machine.")
    for number, chapter in enumerate(chapters, start=1):
        pdf.add_page()
        _heading(pdf, f"{number}. {chapter}", 18)
        _text(pdf, prose(chapter))
        _heading(pdf, f"{number}.1 Step by step", 14)
        for step, text in enumerate(STEPS, start=1):
            pdf.set_x(15)
            pdf.cell(7, 6, f"{step}.")
            pdf.multi_cell(150, 6, text, align="L", new_x="LMARGIN", new_y="NEXT")
        _text(pdf, "You need:")
        for thing in ("a soft cloth", "citric acid, 20 g"):
            pdf.cell(5, 6, "-")
            pdf.cell(100, 6, thing, new_x="LMARGIN", new_y="NEXT")
        _heading(pdf, f"{number}.2 Codes", 14)
        _table(pdf, [("Code", "Meaning", "Remedy"), *CODES])
    return bytes(pdf.output())


def prose(chapter: str) -> str:
    """What a chapter says, on several lines."""
    return (
        f"{chapter} takes about ten minutes and needs no tools at all. Before you begin, switch "
        "the machine off, pull the plug and wait until the heating element has cooled down. Use "
        "nothing but the agent that is sold with it, because vinegar attacks the seals & voids "
        "the guarantee if the pressure is < 3 bar."
    )


def _heading(pdf: FPDF, text: str, size: int) -> None:
    pdf.ln(4)
    pdf.set_font("helvetica", style="B", size=size)
    pdf.cell(0, size / 2, text, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2)
    pdf.set_font("helvetica", size=11)


def _text(pdf: FPDF, text: str) -> None:
    pdf.set_font("helvetica", size=11)
    pdf.multi_cell(170, 6, text, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(3)


def _table(pdf: FPDF, rows: Sequence[Sequence[str]]) -> None:
    with pdf.table(
        rows, col_widths=(15, 60, 60), text_align="LEFT", headings_style=FontFace(emphasis="BOLD")
    ):
        pass


def lines_pdf(
    pages: Sequence[Sequence[tuple[float, float, str]]], *, size: float = 11, title: str = ""
) -> bytes:
    """Pages of texts, each at its place in millimetres from the left and from the top."""
    pdf = FPDF()
    pdf.set_title(title)
    pdf.set_font("helvetica", size=size)
    for page in pages:
        pdf.add_page()
        for left, top, text in page:
            pdf.text(left, top, text)
    return bytes(pdf.output())


def encrypted_pdf(*, user_password: str) -> bytes:
    """A PDF that only its owner may change, and only who has the password may read."""
    pdf = FPDF()
    pdf.set_encryption(owner_password="owner", user_password=user_password)
    pdf.set_font("helvetica", size=11)
    pdf.add_page()
    pdf.text(20, 40, "Owls hunt at night.")
    return bytes(pdf.output())


def scanned_pdf(pages: int) -> bytes:
    """Pages that are pictures, as a scanner makes them."""
    from PIL import Image

    pdf = FPDF()
    for _ in range(pages):
        pdf.add_page()
        pdf.image(Image.new("L", (60, 80), 200), 0, 0, 200)
    return bytes(pdf.output())


def raw_pdf(content: bytes) -> bytes:
    """One page with this stream, packed, as its content."""
    packed = zlib.compress(content, 9)
    stream = b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed)
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F1 5 0 R>>>>"
    tree = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    return pdf_of(
        [b"<</Type/Catalog/Pages 2 0 R>>", tree, page + b"/Contents 4 0 R>>", stream, font]
    )


def pdf_of(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, of which the first is its catalogue."""
    written, offsets = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    return b"%sxref\n0 %d\n0000000000 65535 f \n%s" % (
        written,
        count,
        table,
    ) + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (count, len(written))


def paragraph(text: str, *, style: str = "", bold: bool = False, numbering: int = 0) -> str:
    """A paragraph of a DOCX; of list 1, the bullets, or list 2, the numbers."""
    properties = f'<w:pStyle w:val="{style}"/>' if style else ""
    if numbering:
        properties += f'<w:numPr><w:ilvl w:val="0"/><w:numId w:val="{numbering}"/></w:numPr>'
    run = "<w:rPr><w:b/></w:rPr>" if bold else ""
    return (
        f"<w:p><w:pPr>{properties}</w:pPr><w:r>{run}"
        f'<w:t xml:space="preserve">{text}</w:t></w:r></w:p>'
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table of a DOCX, of cells that are texts."""
    cells = (
        "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row)
        for row in rows
    )  # fmt: skip
    return f"<w:tbl>{''.join(f'<w:tr>{each}</w:tr>' for each in cells)}</w:tbl>"


def docx(body: str, *, title: str = "", parts: Mapping[str, str | bytes] | None = None) -> bytes:
    """A DOCX with this body; `parts` are added, or stand in the place of those with their names."""
    made = {
        "[Content_Types].xml": f'<Types xmlns="{_TYPES}"/>',
        "_rels/.rels": (
            f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1" '
            f'Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>'
        ),
        "word/document.xml": (
            f'<w:document xmlns:w="{_WORD}" xmlns:r="{_OFFICE}"><w:body>{body}</w:body>'
            "</w:document>"
        ),
        "word/styles.xml": _styles(),
        "word/numbering.xml": _numbering(),
        "docProps/core.xml": (
            '<p:coreProperties xmlns:p="http://schemas.openxmlformats.org/package/2006/metadata/'
            'core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<dc:title>{title}</dc:title></p:coreProperties>"
        ),
    }
    return zipped(made | dict(parts or {}))


def zipped(entries: Mapping[str, str | bytes]) -> bytes:
    """A zip of these entries."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in entries.items():
            package.writestr(name, content)
    return written.getvalue()


def _styles() -> str:
    names = {"Title": "Title", "Heading1": "heading 1", "Heading2": "heading 2", "TOC1": "toc 1"}
    styles = (
        f'<w:style w:type="paragraph" w:styleId="{each}"><w:name w:val="{name}"/></w:style>'
        for each, name in names.items()
    )
    return f'<w:styles xmlns:w="{_WORD}">{"".join(styles)}</w:styles>'


def _numbering() -> str:
    lists = "".join(
        f'<w:abstractNum w:abstractNumId="{number}"><w:lvl w:ilvl="0"><w:numFmt w:val="{form}"/>'
        f"</w:lvl></w:abstractNum>"
        for number, form in ((1, "bullet"), (2, "decimal"))
    )
    uses = "".join(
        f'<w:num w:numId="{number}"><w:abstractNumId w:val="{number}"/></w:num>'
        for number in (1, 2)
    )
    return f'<w:numbering xmlns:w="{_WORD}">{lists}{uses}</w:numbering>'
