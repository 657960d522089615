import unicodedata

import pytest

from shared.training.data.label_variants import label_variants


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("Positive", "positive", "'Positive'"),
        ("0", "0.0", "'0'"),
        ("1", "01", "'01'"),
        ("caf\u00e9", unicodedata.normalize("NFD", "caf\u00e9"), r"'caf\xe9'"),
        ("A", "\uff21", "'A'"),
        ("card  lost", "Card lost", "'Card lost'"),
        ("card\u200b", "card", r"'card\u200b'"),
        ("stra\u00dfe", "STRASSE", "'STRASSE'"),
    ],
)
def test_labels_that_differ_in_writing_alone_are_told(one: str, other: str, told: str) -> None:
    rows = [(one, "first"), (other, "second"), ("another", "third"), (one, "fourth")]
    (found,) = label_variants(rows, {one: ["a.csv:2", "a.csv:5"]})
    assert [(each.label, each.rows, each.example) for each in found.spellings] == [
        (one, 2, "first"),
        (other, 1, "second"),
    ]
    assert told in str(found)
    assert "(2 rows, such as 'first'; see a.csv:2, a.csv:5) and" in str(found)
    assert "(1 row, such as 'second') are" in str(found)


def test_what_differs_otherwise_is_not_told() -> None:
    rows = [("0", "a"), ("1", "b"), ("-0.5", "c"), ("up", "d"), ("ups", "e")]
    assert label_variants(rows, {}) == []
