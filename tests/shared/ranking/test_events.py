"""The texts and weights of events."""

import pytest

from shared.ranking.events import (
    FieldValue,
    InteractionWeights,
    interaction_weight,
    item_text,
    strings,
)

WEIGHTS = InteractionWeights()


def test_the_text_of_an_item_has_its_long_part_last() -> None:
    fields: dict[str, FieldValue] = {
        "description": "Gives light.",
        "title": "Lamp",
        "category": ("Home", "Desk"),
        "tags": "warm",
        "price": 3.0,
    }
    assert item_text(fields) == "Lamp. Home, Desk. warm. Gives light."


def test_text_comes_before_a_description() -> None:
    assert item_text({"text": "one", "description": "two"}) == "one"


@pytest.mark.parametrize("fields", [{}, {"title": " "}, {"title": 3.0}, {"tags": (1.0, 2.0)}])
def test_an_item_without_words_has_no_text(fields: dict[str, FieldValue]) -> None:
    assert item_text(fields) == ""


@pytest.mark.parametrize(
    ("kind", "fields", "weight"),
    [
        ("click", {}, 1.0),
        ("purchase", {}, 3.0),
        ("dislike", {}, -1.0),
        ("wave", {}, 0.5),
        ("rating", {"value": 4.0}, 2.0),
        ("rating", {"rating": 5}, 2.0),
        ("rating", {"value": 3.5}, 0.5),
        ("rating", {"value": 2.9}, -1.0),
        ("rating", {"value": "good"}, 0.5),
        ("rating", {"value": True}, 0.5),
        ("rating", {}, 0.5),
    ],
)
def test_what_an_interaction_weighs(
    kind: str, fields: dict[str, FieldValue], weight: float
) -> None:
    assert interaction_weight(kind, fields, WEIGHTS) == weight


def test_strings_of_a_field() -> None:
    assert strings(("a", "", "b")) == ("a", "b")
    assert strings(True) == ()
    assert strings(None) == ()
