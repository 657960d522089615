"""Which entities a text is found to be about, and where."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sentiment.analysis.finder import Finder
from services.sentiment.analysis.scores import Found
from services.sentiment.config import SentimentSettings
from shared.models.tasks import Span
from shared.sentiment.gazetteer import Entry, Gazetteer
from shared.sentiment.words import fold

FINDER = Finder(Gazetteer([Entry("Apple", ("Apple Inc",), ("AAPL",)), Entry("Gap")]))


def surfaces(text: str, found: list[Found]) -> list[tuple[str, list[str]]]:
    return [(one.entity, [text[start:end] for start, end in one.stretches]) for one in found]


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("Apple gains", ["Bolt", "bolt", "BOLT"], [("Bolt", [])]),
        ("Bolt gains, bolt falls", ["bolt", "Bolt"], [("bolt", ["bolt"])]),
        ("Apple gains", ["apple", "APPLE", "Apple"], [("Apple", ["Apple"])]),
        ("Zürich up", ["Zu\u0308rich", "Zürich"], [("Zu\u0308rich", ["Zürich"])]),
        ("Fed holds as Goldman gains", ["F", "Gold"], [("F", []), ("Gold", [])]),
        ("AAPL gains", ["Apple"], [("Apple", ["AAPL"])]),
        ("Apple Pay grows", ["Apple", "Apple Pay"], [("Apple", []), ("Apple Pay", ["Apple Pay"])]),
        (
            "Apple and Apple Pay",
            ["Apple", "Apple Pay"],
            [("Apple", ["Apple"]), ("Apple Pay", ["Apple Pay"])],
        ),
        ("anything", [], []),
    ],
)
def test_names_that_the_sender_gave(
    text: str, names: list[str], expected: list[tuple[str, list[str]]]
) -> None:
    assert surfaces(text, FINDER.named(text, names)) == expected


def spans(text: str, *words: str) -> list[Span]:
    return [Span(text.index(word), text.index(word) + len(word), "entity", 0.9) for word in words]


def test_what_a_tagger_calls_an_entity_has_a_letter_or_digit() -> None:
    text = "$ Acme - ACME Corp … 3M"
    found = FINDER.tagged(text, spans(text, "$", "Acme", "-", "ACME", "…", "3M"))
    assert surfaces(text, found) == [("Acme", ["Acme", "ACME"]), ("3M", ["3M"])]


@given(
    st.text(st.sampled_from("apleAPLE $.-ü\u0308苹果"), max_size=30),
    st.lists(st.text(st.sampled_from("apleAPLE $ü\u0308苹果"), min_size=1, max_size=5), max_size=6),
)
def test_each_entity_is_found_once_and_no_two_overlap(text: str, names: list[str]) -> None:
    names = [name for name in names if name.strip()]
    found = FINDER.named(text, names)
    assert {fold(one.entity) for one in found} == set(map(fold, names))
    assert len({fold(one.entity) for one in found}) == len(found)
    taken = sorted(stretch for one in found for stretch in one.stretches)
    assert all(before[1] <= after[0] for before, after in pairwise(taken))


def test_the_entities_that_ship_are_those_of_the_settings() -> None:
    finder = Finder(Gazetteer.load(SentimentSettings().entities_file))

    text = "Brevanor warns of weaker sales"
    assert surfaces(text, finder.known(text)) == [("Brevanor Foods", ["Brevanor"])]
