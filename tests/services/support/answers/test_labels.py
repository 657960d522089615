"""Lines that name the text after them: known by their form, never the end of an answer."""

import pytest

from services.support.answers.compose import compose
from services.support.answers.labels import labels_of
from shared.retrieval.entries import Entry
from shared.retrieval.index import Hit
from shared.retrieval.tokens import tokenize
from shared.text.passages import TextFormat, split_passages

MARKDOWN = """**It smells.**
It is too wet. Empty the tap of the bin, and tear some card into it.

**There are ants.**
It is too dry."""
PLAIN = """It smells
It is too wet. Empty the tap of the bin, and tear some card into it.

There are ants
It is too dry."""
HTML = """<p><b>It smells.</b><br>It is too wet. Empty the tap of the bin, and tear some card into
it.</p><p><b>There are ants.</b><br>It is too dry.</p>"""


def labels(source: str, text_format: TextFormat) -> list[str]:
    (passage,) = split_passages(source, text_format)
    found = labels_of(passage, goes_on=False)
    return [sentence.text for sentence in passage.sentences if sentence.start in found]


def answer(source: str, text_format: TextFormat, question: str, **limits: int) -> str:
    passages = split_passages(source, text_format, **limits)
    hit = Hit(Entry.of("bin", 1, "Bin", (), passages, is_faq=False), 0, 1.0, 1.0, 1.0, 0.0)
    found = compose([hit], dict.fromkeys(tokenize(question), 1.0))
    assert found is not None
    return found.text.removesuffix(" [1]")


@pytest.mark.parametrize(
    ("source", "text_format"),
    [
        (MARKDOWN, TextFormat.MARKDOWN),
        (MARKDOWN.replace("**", "__"), TextFormat.MARKDOWN),
        (MARKDOWN.replace("**\n", "** "), TextFormat.MARKDOWN),
        (HTML, TextFormat.HTML),
        (PLAIN, TextFormat.PLAIN),
    ],
)
def test_bold_ones_and_short_lines_before_a_sentence_are_labels(
    source: str, text_format: TextFormat
) -> None:
    assert [label.rstrip(".") for label in labels(source, text_format)] == [
        "It smells",
        "There are ants",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "We open late. **Never come early.** The door is shut.",
        "**Never** come early. The door is shut.",
        "Monday\nTuesday\nEvery day of the week is a good one.",
        "We are in the old mill.\nMill Lane 4\nIt has a red door.",
        "<p>We <b>never</b> open.</p><p>Come <b>later.</b></p>",
        "Entry for children costs nothing.\nFree of charge",
        "- Bread\n- Butter\n\nBoth are fresh.",
    ],
)
def test_other_bold_words_and_lines_of_a_list_are_no_labels(source: str) -> None:
    assert labels(source, TextFormat.MARKDOWN) == []


@pytest.mark.parametrize(
    ("source", "text_format"),
    [(MARKDOWN, TextFormat.MARKDOWN), (HTML, TextFormat.HTML), (PLAIN, TextFormat.PLAIN)],
)
@pytest.mark.parametrize("max_tokens", [30, 100])
def test_an_answer_does_not_end_with_the_label_of_what_follows(
    source: str, text_format: TextFormat, max_tokens: int
) -> None:
    text = answer(source, text_format, "how wet is the tap of the bin", max_tokens=max_tokens)

    assert "Empty the tap" in text
    assert text.endswith(("tear some card into it.", "It is too dry."))


def test_an_answer_has_the_label_that_it_stands_under() -> None:
    assert answer(MARKDOWN, TextFormat.MARKDOWN, "dry").endswith("There are ants.\nIt is too dry.")


def test_an_answer_does_not_end_with_a_question_or_an_introduction() -> None:
    source = "Owls hoot at night.\n\nDo owls sleep?"

    assert answer(source, TextFormat.MARKDOWN, "owls hoot") == "Owls hoot at night."
    assert answer(source.replace("?", ":"), TextFormat.PLAIN, "hoot") == "Owls hoot at night."
