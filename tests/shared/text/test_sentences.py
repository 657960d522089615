"""Sentences: nothing is lost, and the known traps."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.sentences import split_sentences


def texts(source: str) -> list[str]:
    return [source[start:end] for start, end in split_sentences(source)]


@given(st.text())
def test_sentences_hold_every_character_that_is_not_space(source: str) -> None:
    spans = split_sentences(source)

    assert "".join("".join(source[a:b] for a, b in spans).split()) == "".join(source.split())
    assert all(a < b for a, b in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith paid 3.50 pounds, e.g. Monday. Fine.", None),
        ("1. Open the app. 2. Tap it.", None),
        ("Wait 5 days. then call", ["Wait 5 days. then call"]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("第一句。第二句。", ["第一句。", "第二句。"]),
        ("A short line\nAnother one", ["A short line", "Another one"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_known_cases(source: str, expected: list[str] | None) -> None:
    if expected is None:
        assert len(texts(source)) == 2
    else:
        assert texts(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "**Q. Tea bags?**\nA. Tear them open.",
        "**Q.** Tea bags?\n**A.** Tear them open.",
        "_Q._ Tea bags?\n_A._ Tear them open.",
        "Q1. Tea bags?\nA1. Tear them open.",
        "Q.\nTea bags?\nA.\nTear them open.",
        "Q:\nTea bags?\nA:\nTear them open.",
        "**1.** Tea bags?\n**2.** Tear them open.",
        "**1. Tea bags?**\n2. Tear them open.",
        "6.1. Tea bags?\n6.2. Tear them open.",
        "> H3. Tea bags?\n> H4. Tear them open.",
    ],
)
def test_what_names_a_sentence_stays_with_it(source: str) -> None:
    first, second = texts(source)

    assert first.strip("*").endswith("Tea bags?")
    assert second.endswith("Tear them open.")


@pytest.mark.parametrize(
    "source",
    [
        "We like **plan B.** Others like C6.",
        "Use 192.168.1.10. It works.",
        "Set file_no. It works.",
    ],
)
def test_what_only_looks_like_a_label_ends_a_sentence(source: str) -> None:
    assert len(texts(source)) == 2


def test_a_soft_break_joins_and_a_list_separates() -> None:
    source = (
        "This line is long enough to have been wrapped by\nan editor in the middle.\n- one\n- two"
    )

    assert texts(source) == [
        "This line is long enough to have been wrapped by\nan editor in the middle.",
        "- one",
        "- two",
    ]
