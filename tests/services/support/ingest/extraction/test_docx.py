import io
import zipfile

import pytest

from services.support.ingest.extraction import limits
from services.support.ingest.extraction.docx.document import extract_docx
from services.support.ingest.extraction.extracted import RefusedFileError
from shared.text.passages import TextFormat, split_passages
from tests.harness.support.office import docx, paragraph, table, zipped

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
TEXT = paragraph("Owls hunt at night.")


def test_headings_lists_and_tables_are_read() -> None:
    body = (
        paragraph("Kettle", style="Title")
        + paragraph("First use", style="Heading1")
        + paragraph("Fill it &amp; boil.", numbering=2)
        + paragraph("Empty it.", numbering=2)
        + paragraph("a filter", numbering=1)
        + table([("Code", "Meaning"), ("E1", "Lid open"), ("E2", "No water")])
    )

    read = extract_docx(docx(body, title="Kettle X200 handbook"))

    assert read.title == "Kettle X200 handbook"
    assert read.html.splitlines() == [
        "<h1>Kettle</h1>",
        "<h1>First use</h1>",
        "<ol><li>Fill it &amp; boil.</li>",
        "<li>Empty it.</li>",
        "</ol>",
        "<ul><li>a filter</li>",
        "</ul>",
        "<table><thead><tr><th>Code</th><th>Meaning</th></tr>",
        "</thead>",
        "<tbody><tr><td>E1</td><td>Lid open</td></tr>",
        "<tr><td>E2</td><td>No water</td></tr>",
        "</tbody>",
        "</table>",
    ]
    rows = split_passages(read.html, TextFormat.HTML)[-1].text
    assert "Code: E1; Meaning: Lid open" in rows


def test_bold_lines_are_headings_and_bold_words_are_text() -> None:
    bold = paragraph("Cleaning", bold=True) + paragraph("Never use soap!", bold=True)

    read = extract_docx(docx(bold + TEXT))

    assert read.html.splitlines() == [
        "<h6>Cleaning</h6>",
        "<p>Never use soap!</p>",
        "<p>Owls hunt at night.</p>",
    ]


@pytest.mark.parametrize(
    ("rows", "has_names"),
    [
        ([("Size", "Price"), ("small", "19"), ("large", "29")], True),
        ([("Weight", "2 kg"), ("Height", "30 cm")], False),
        ([("Colour", "red"), ("Form", "round")], False),
        ([("Size", "Price")], False),
    ],
)
def test_a_first_row_names_its_columns_where_figures_stand_under_it(
    rows: list[tuple[str, str]], has_names: bool
) -> None:
    read = extract_docx(docx(table(rows)))

    assert ("<th>" in read.html) is has_names


def test_contents_deleted_text_and_pictures_are_left_out() -> None:
    body = (
        paragraph("First use 3", style="TOC1")
        + "<w:p><w:del><w:r><w:delText>Old.</w:delText></w:r></w:del><w:ins><w:r><w:t>New.</w:t>"
        "</w:r></w:ins></w:p>" + "<w:p><w:r><w:drawing><a:blip "
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" r:link="rId9"/>'
        "</w:drawing></w:r></w:p>"
    )

    assert extract_docx(docx(body)).html == "<p>New.</p>"


@pytest.mark.parametrize(
    "title", ["", "Document1", "Microsoft Word - plan.doc", "plan.docx", "x" * 300]
)
def test_a_title_that_is_none_is_left_out(title: str) -> None:
    assert extract_docx(docx(TEXT, title=title)).title == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a DOCX, it is empty"),
        (b"%PDF-1.7 ...", "not a DOCX, it is a PDF"),
        (b"<!DOCTYPE html><p>404", "it is a web page"),
        (b"{\\rtf1 a}", r"rich text file \(.rtf\)"),
        (OLE + b"\0" * 600, r"the old form \(.doc\).*save it as .docx"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a password protects it"),
        (zipped({"a.txt": "x"}), "a zip file of something else"),
        (zipped({"[Content_Types].xml": "", "xl/workbook.xml": ""}), "an Excel workbook"),
        (zipped({"ppt/presentation.xml": ""}), "a PowerPoint presentation"),
        (zipped({"content.xml": "", "mimetype": "x"}), "an OpenDocument text"),
        (docx(TEXT)[:-200], "a broken DOCX, one cut off on its way.*: load it again from where"),
        (
            docx(TEXT).replace(b"PK\x03\x04", b"PK\x03\x05", 1),
            "a broken DOCX, one cut off",
        ),
        (b"\x0e\xc7\xdd\x01", "it is of an unknown kind, or damaged: .* load it again"),
        (docx(TEXT, parts={"word/document.xml": "<w:document"}), "word/document.xml' is not XML"),
        (docx(""), "it has no text"),
    ],
)
def test_what_is_no_readable_document_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(RefusedFileError, match=reason):
        extract_docx(content)


ENTITIES = "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><d>&b;</d>"
EXTERNAL = "<!DOCTYPE d [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><d>&a;</d>"
DEEP = "<w:p xmlns:w='x'>" * 200 + "</w:p>" * 200


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"word/document.xml": ENTITIES}, "declares a document type"),
        ({"word/document.xml": EXTERNAL}, "declares a document type"),
        ({"docProps/core.xml": EXTERNAL}, "declares a document type"),
        ({"word/footnotes.xml": ENTITIES.encode("utf-16")}, "declares a document type"),
        ({"word/document.xml": DEEP}, "nests deeper than 100 levels"),
        ({"word/other.xml": " " * 2_000_000}, r"unpacks to \d+ times its size, at most 200"),
        ({"word/a.xml": "x" * 51_000_000}, "unpack to 49 MiB, at most 48"),
    ],
)
def test_what_would_cost_too_much_is_refused_before_it_is_parsed(
    parts: dict[str, str | bytes], reason: str
) -> None:
    with pytest.raises(RefusedFileError, match=reason):
        extract_docx(docx(TEXT, parts=parts))


def test_a_zip_of_very_many_entries_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ENTRIES", 50)

    with pytest.raises(RefusedFileError, match="66 entries, at most 50"):
        extract_docx(docx(TEXT, parts={f"word/media/{n}": "" for n in range(60)}))


def test_elements_are_counted_over_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_XML_ELEMENTS", 40)

    with pytest.raises(RefusedFileError, match="more than 40 elements"):
        extract_docx(docx(TEXT * 20))


def test_two_entries_of_one_name_are_refused() -> None:
    written = io.BytesIO(docx(TEXT))
    with zipfile.ZipFile(written, "a") as package, pytest.warns(UserWarning, match="Duplicate"):
        package.writestr("word/document.xml", "<other/>")

    with pytest.raises(RefusedFileError, match="two entries of one name"):
        extract_docx(written.getvalue())


def test_an_entry_that_unpacks_to_more_than_it_says_is_refused() -> None:
    content = docx(TEXT, parts={"word/media/a.xml": "<a>" + "x" * 5000 + "</a>"})
    size = len("<a></a>") + 5000
    lying = content.replace(size.to_bytes(4, "little"), (20).to_bytes(4, "little"))

    assert lying != content
    with pytest.raises(RefusedFileError, match="broken DOCX"):
        extract_docx(lying)


def test_pictures_may_be_large() -> None:
    read = extract_docx(docx(TEXT, parts={"word/media/photo.png": b"\0" * 3_000_000}))

    assert read.html == "<p>Owls hunt at night.</p>"


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(RefusedFileError, match="has 600007 characters as HTML, at most 500000"):
        extract_docx(docx(paragraph("a" * 600_000)))
