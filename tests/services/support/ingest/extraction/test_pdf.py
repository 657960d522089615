from collections.abc import Sequence

import pytest

from services.support.ingest.extraction import limits
from services.support.ingest.extraction.extracted import RefusedFileError
from services.support.ingest.extraction.pdf.document import extract_pdf
from services.support.ingest.extraction.pdf.joining import Joiner
from shared.text.passages import TextFormat, split_passages
from tests.harness.support.office import (
    CODES,
    STEPS,
    docx,
    encrypted_pdf,
    lines_pdf,
    manual_pdf,
    paragraph,
    pdf_of,
    prose,
    raw_pdf,
    scanned_pdf,
)

CHAPTERS = (
    *("First use", "Cleaning", "Descaling", "Pairing", "Schedules", "Filters", "Guarantee"),
    *("Spare parts", "Safety", "Disposal", "Imprint"),
)
LEADING = 4.5


def lines(*texts: str, left: float = 20, top: float = 60) -> Sequence[tuple[float, float, str]]:
    """Texts under each other, as lines of a paragraph stand."""
    return [(left, top + number * LEADING, text) for number, text in enumerate(texts)]


def test_a_manual_is_read_as_it_is_written() -> None:
    read = extract_pdf(manual_pdf(CHAPTERS))

    assert read.title == "Aurora Barista 3 manual"
    assert read.metadata == {"pages": 12}
    found = read.html.splitlines()
    assert found[:2] == ["<h1>Aurora Barista 3</h1>", "<p>Thank you for choosing this machine.</p>"]
    text = prose("Cleaning").replace("&", "&amp;").replace("<", "&lt;")
    start = found.index("<h2>2. Cleaning</h2>")
    assert found[start : start + 20] == [
        "<h2>2. Cleaning</h2>",
        f"<p>{text}</p>",
        "<h3>2.1 Step by step</h3>",
        "<ol>",
        *(f"<li>{step}</li>" for step in STEPS),
        "</ol>",
        "<p>You need:</p>",
        "<ul>",
        "<li>a soft cloth</li>",
        "<li>citric acid, 20 g</li>",
        "</ul>",
        "<h3>2.2 Codes</h3>",
        "<table>",
        "<tr><th>Code</th><th>Meaning</th><th>Remedy</th></tr>",
        *("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in CODES),
        "</table>",
    ]
    assert [line for line in found if line.startswith("<h2>")] == [
        f"<h2>{number}. {chapter}</h2>" for number, chapter in enumerate(CHAPTERS, start=1)
    ]
    assert "Operating manual" not in read.html
    assert " of 12" not in read.html


def test_passages_of_a_manual_are_whole() -> None:
    html = extract_pdf(manual_pdf(CHAPTERS[:3])).html

    passages = split_passages(html, TextFormat.HTML)

    cleaning = next(each for each in passages if each.text.startswith("2. Cleaning"))
    assert [sentence.text for sentence in cleaning.sentences] == [
        "2. Cleaning",
        *(f"{part}." for part in prose("Cleaning").removesuffix(".").split(". ")),
    ]
    for sentence in cleaning.sentences[:3]:
        assert html[sentence.start : sentence.end] == sentence.text
    rows = next(each for each in passages if "E2" in each.text)
    assert "Code: E2; Meaning: The brew unit is blocked; Remedy: Take it out and rinse" in rows.text


def test_lines_are_joined_and_divided_words_made_whole() -> None:
    page = lines(
        "Whoever wants to give notice has to do so in writing before the infor-",
        "mation about next year's rent is sent, or else remains a self-",
        "governing member of the association for another year of its existence.",
        "Members of the committee are asked.",
    )

    html = extract_pdf(lines_pdf([page])).html

    assert html == (
        "<p>Whoever wants to give notice has to do so in writing before the information about next "
        "year's rent is sent, or else remains a self-governing member of the association for "
        "another year of its existence. Members of the committee are asked.</p>"
    )


def test_a_line_that_its_author_ended_is_not_joined() -> None:
    page = lines(
        "Write to the office, which answers letters within two weeks as a rule,",
        "and within a day where water runs where it should not, to this address:",
    )
    address = lines("Aurora Ltd", "14 Mill Lane, second floor", "Leeds", top=75)

    html = extract_pdf(lines_pdf([[*page, *address]])).html

    assert html.splitlines()[1:] == [
        "<p>Aurora Ltd</p>",
        "<p>14 Mill Lane, second floor</p>",
        "<p>Leeds</p>",
    ]


def test_a_sentence_goes_on_over_a_page() -> None:
    first = lines("A plot that is given back is cleared of sheds, of rubbish and of", top=270)
    second = lines("whatever grew too high. The deposit is paid back within a month.", top=30)

    html = extract_pdf(lines_pdf([first, second])).html

    assert html == (
        "<p>A plot that is given back is cleared of sheds, of rubbish and of whatever grew too "
        "high. The deposit is paid back within a month.</p>"
    )


def test_two_columns_are_read_one_after_the_other() -> None:
    words = [f"Rule {n} says that nobody leaves anything" for n in range(24)]
    left = lines(*words[:12], left=20)
    right = lines(*words[12:], left=110)

    html = extract_pdf(lines_pdf([[*left, *right]])).html

    places = [html.index(f"Rule {n} ") for n in range(24)]
    assert places == sorted(places)
    assert "<table>" not in html


def test_a_table_without_lines_is_found() -> None:
    rows = [
        ("Plot", "Rent", "Deposit"),
        ("small", "40 EUR", "50 EUR"),
        ("large", "75 EUR", "90 EUR"),
    ]
    page = [
        (left, 60 + number * 6, cell)
        for number, row in enumerate(rows)
        for left, cell in zip((20, 60, 100), row, strict=True)
    ]

    html = extract_pdf(lines_pdf([page])).html

    assert html.splitlines() == [
        "<table>",
        "<tr><th>Plot</th><th>Rent</th><th>Deposit</th></tr>",
        "<tr><td>small</td><td>40 EUR</td><td>50 EUR</td></tr>",
        "<tr><td>large</td><td>75 EUR</td><td>90 EUR</td></tr>",
        "</table>",
    ]


def test_running_headers_that_name_the_chapter_and_contents_are_left_out() -> None:
    pages = [
        [
            (20, 10, f"Chapter {chapter}: {name}"),
            (180, 10, str(page)),
            *lines(f"The text of page {page} says something new.", top=40 + page),
        ]
        for page, (chapter, name) in enumerate([(1, "Leases")] * 2 + [(2, "Sheds")] * 2, start=2)
    ]
    contents = [(20, 30, "Contents"), (20, 50, "Leases ............ 2"), (20, 60, "Sheds 4")]

    html = extract_pdf(lines_pdf([contents, *pages])).html

    assert html.splitlines() == [
        f"<p>The text of page {page} says something new.</p>" for page in range(2, 6)
    ]


def test_what_only_repeats_in_the_text_stays() -> None:
    pages = [lines("Close the lid.", top=150) for _ in range(4)]

    assert extract_pdf(lines_pdf(pages)).html.count("Close the lid.") == 4


@pytest.mark.parametrize(
    "title", ["(anonymous)", "untitled", "report_final.docx", "Microsoft Word - a"]
)
def test_a_title_that_is_none_is_left_out(title: str) -> None:
    assert extract_pdf(lines_pdf([lines("Owls hunt.")], title=title)).title == ""


def test_what_its_owner_lets_everybody_read_is_read() -> None:
    assert "Owls hunt at night." in extract_pdf(encrypted_pdf(user_password="")).html


def test_pages_without_text_are_counted() -> None:
    read = extract_pdf(lines_pdf([lines("Owls hunt at night."), []]))

    assert read.metadata == {"pages": 2, "pages_without_text": 1}


LOOP = pdf_of(
    [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 1000000>>"]
)
NO_PAGE = pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[9 0 R]/Count 1>>"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a PDF, it is empty"),
        (docx(paragraph("a")), "not a PDF, it is a zip file"),
        (b"<html><p>Not found", "it is a web page"),
        ("Käuzchen jagen.\n".encode() * 200, "it is plain text: give the file its right ending"),
        (b"%PD\0\x9b\xfe", "it is of an unknown kind, or damaged: .* load it again from where"),
        (b"\0" * 2000, "it is of an unknown kind, or damaged"),
        (encrypted_pdf(user_password="secret"), "a password protects it: save it without one"),
        (scanned_pdf(2), "2 of its 2 pages have no text.*scanner.*ocrmypdf"),
        (b"%PDF-1.7\n" + b"\0" * 500, "a broken PDF, or one cut off"),
        (LOOP, "it has 1000000 pages, at most 1000 are read"),
        (NO_PAGE, "its page 1 of 1 cannot be read"),
    ],
)
def test_what_is_no_readable_pdf_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(RefusedFileError, match=reason):
        extract_pdf(content)


def test_too_much_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_GLYPHS", 100)

    with pytest.raises(RefusedFileError, match="more than 100 characters"):
        extract_pdf(raw_pdf(b"BT /F1 10 Tf 50 700 Td (" + b"owl " * 50 + b")Tj ET"))


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (["the infor-", "mation"], "the information"),
        (["a self-", "test"], "a self-test"),
        (
            ["the water-", "tight lid", "of the water", "is tight"],
            "the water-tight lid of the water is tight",
        ),
        (["a well-being", "a well-", "being"], "a well-being a well-being"),
        (["the wellbeing", "of well-", "being"], "the wellbeing of wellbeing"),
        (["twenty-", "one"], "twenty-one"),
        (["models B-", "3 and"], "models B- 3 and"),
        (["the UK-", "US line"], "the UK-US line"),
        (["本产品的", "保修期"], "本产品的保修期"),
    ],
)
def test_lines_are_joined(texts: list[str], joined: str) -> None:
    assert Joiner(texts).join(texts) == joined
