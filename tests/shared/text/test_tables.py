"""A row of a table is one unit with its headings, in HTML as in Markdown."""

import pytest

from shared.text.blocks import SentenceKind
from shared.text.passages import TextFormat, split_passages

HTML, MARKDOWN = TextFormat.HTML, TextFormat.MARKDOWN
ROW, HEADING = SentenceKind.ROW, SentenceKind.HEADING


def said(source: str, text_format: TextFormat) -> list[tuple[SentenceKind, str]]:
    """The sentences of all passages; the source of each stands where it says."""
    passages = split_passages(source, text_format)
    for passage in passages:
        for sentence in passage.sentences:
            assert source[sentence.start : sentence.end] == passage.quote(sentence, sentence)
    return [(s.kind, s.text) for passage in passages for s in passage.sentences]


PLANS = [(ROW, "Plan: Gold; Fee: 5 pounds. No limit"), (ROW, "Plan: Basic; Fee: free")]


@pytest.mark.parametrize(
    ("source", "text_format"),
    [
        (
            "| Plan | Fee |\n|:--|--:|\n| **Gold** | 5<br>pounds. No limit. |\n| Basic | free |",
            MARKDOWN,
        ),
        (
            "<table><thead><tr><td>Plan</td><td>Fee</td></tr></thead><tbody><tr><td><b>Gold</b></td>"
            "<td><p>5</p><p>pounds. No limit.</p></td></tr><tr><td>Basic<td>free</table>",
            HTML,
        ),
        (
            "<table><tr><th>Plan<th>Fee<tr><td>Gold<td>5<br>pounds. No limit."
            "<tr><td>Basic<td>free</table>",
            HTML,
        ),
        (
            "Text\n\n<table>\n<tr><th>Plan</th><th>Fee</th></tr>\n\n<tr><td>Gold</td>"
            "<td>5\npounds. No limit.</td></tr>\n<tr><td>Basic</td><td>free</td></tr>\n</table>\n",
            MARKDOWN,
        ),
        (
            "- item\n\n  | Plan | Fee |\n  |--|--|\n  | Gold | 5 pounds. No limit. |\n"
            "  | Basic | free |\n",
            MARKDOWN,
        ),
    ],
    ids=["Markdown", "thead", "no end tags", "HTML in Markdown", "in a list"],
)
def test_a_row_is_one_sentence_with_its_headings(source: str, text_format: TextFormat) -> None:
    assert [each for each in said(source, text_format) if each[0] is ROW] == PLANS


def test_a_cell_reaches_over_rows_and_columns() -> None:
    source = (
        "<table><tr><th rowspan=2>Plan</th><th colspan=2>Fee</th></tr><tr><th>month</th><th>year"
        "</th></tr><tr><td>Gold</td><td>5</td><td rowspan=2>on request</td></tr>"
        "<tr><td>Basic</td><td>0</td></tr><tr><td colspan=3>Old plans</td></tr></table>"
    )

    assert said(source, HTML) == [
        (ROW, "Plan: Gold; Fee month: 5; Fee year: on request"),
        (ROW, "Plan: Basic; Fee month: 0; Fee year: on request"),
        (HEADING, "Old plans"),
    ]


def test_a_row_may_have_its_heading_in_front_or_none() -> None:
    source = "<table><tr><th>Open</th><td>9 to 5</td></tr><tr><td>a</td><td>b</td></tr></table>"

    assert said(source, HTML) == [(ROW, "Open: 9 to 5"), (ROW, "a; b")]


def test_headings_without_a_row_are_headings() -> None:
    assert said("| a | b |\n|---|---|\n", MARKDOWN) == [(HEADING, "a; b")]
    assert said("<table><tr><th>a<th>b</table>", HTML) == [(HEADING, "a; b")]


def test_a_table_that_lays_a_page_out_is_read_as_the_page() -> None:
    data = "<table><tr><th>Day<th>Open<tr><td>Monday<td>9 to 5</table>"
    page = (
        f"<table><tr><td><h1>Shop</h1>We sell owls.{data}</td><td><a href=x>Home</a></td></table>"
    )

    assert said(page, HTML) == [
        (HEADING, "Shop"),
        (SentenceKind.TEXT, "We sell owls."),
        (ROW, "Day: Monday; Open: 9 to 5"),
        (SentenceKind.LINK, "Home"),
    ]
    assert said("<table><tr><td>One. Two.</td></tr></table>", HTML) == [
        (SentenceKind.TEXT, "One."),
        (SentenceKind.TEXT, "Two."),
    ]


@pytest.mark.parametrize(
    ("before", "between", "after", "text_format"),
    [
        ("<table><tr><td>Owls</td><td>", "</td><td>", "</td></tr></table>", HTML),
        ("| a | b | c |\n|---|---|---|\n| Owls | ", " | ", " |\n", MARKDOWN),
    ],
)
def test_a_row_that_no_passage_holds_is_read_as_a_text(
    before: str, between: str, after: str, text_format: TextFormat
) -> None:
    long = " ".join(f"Sentence {n} has words." for n in range(60))

    found = said(f"{before}{long}{between}end{after}", text_format)

    assert len(found) > 60
    assert {kind for kind, _ in found} <= {SentenceKind.TEXT, HEADING}
