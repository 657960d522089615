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


def test_a_soft_break_joins_and_a_list_separates() -> None:
    source = (
        "This line is long enough to have been wrapped by\nan editor in the middle.\n- one\n- two"
    )

    assert texts(source) == [
        "This line is long enough to have been wrapped by\nan editor in the middle.",
        "- one",
        "- two",
    ]
