"""Tests: back-translation."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.training.remedies.augment.augmenting import AugmentedRows, augmented
from shared.training.remedies.augment.back_translation import (
    BackAndForth,
    BackTranslation,
    aligned,
)
from shared.training.remedies.augment.edits import Passage, edited
from shared.training.remedies.augment.protection import protect
from shared.training.remedies.remedy import Changed
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.span.rows import Question
from shared.training.tasks.tag.examples import Entity, TaggedExample


class _Dictionary:
    """Translates whole texts by a table, and remembers what it was given."""

    def __init__(self, table: Mapping[str, str | None]) -> None:
        self._table = table
        self.given: list[tuple[str, str, Sequence[str]]] = []

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str | None]:
        self.given.append((source, target, texts))
        return [self._table.get(text, text) for text in texts]


def _changed(example: Example | TaggedExample | Question, table: Mapping[str, str]) -> Changed:
    editor = BackAndForth(_Dictionary(table), "English", "German")
    return augmented(
        [example], editor, AugmentedRows(), 0, remedy="back_translation", hint="another"
    )


def test_each_text_goes_there_and_back_once() -> None:
    table = {"my card is lost": "weg", "weg": "i lost my card", "too long": None}
    translator = _Dictionary(table)
    editor = BackAndForth(translator, "English", "German")
    passages = [protect("my card is lost"), protect("too long"), protect("my card is lost")]
    edits = editor(passages, [np.random.default_rng(0)] * 3)
    assert translator.given == [
        ("English", "German", ["my card is lost", "too long"]),
        ("German", "English", ["weg"]),
    ]
    after = [edited(p.text, some) for p, some in zip(passages, edits, strict=True)]
    assert after == ["i lost my card", "too long", "i lost my card"]


def test_a_label_is_found_where_it_stands_afterwards() -> None:
    text = "Infosys gains 5% as Wipro falls"
    entities = (Entity(0, 7, "ORG"), Entity(20, 25, "ORG"))
    table = {text: "de", "de": "Shares of Infosys rise by 5% while Wipro drops"}
    copy = _changed(TaggedExample(text, entities), table).examples[1]
    assert isinstance(copy, TaggedExample)
    assert copy.text == table["de"]
    assert [copy.text[e.start : e.end] for e in copy.entities] == ["Infosys", "Wipro"]


def test_an_answer_is_found_where_it_stands_afterwards() -> None:
    context = "The college merged in 1977 with Gold"
    example = Question("when?", context, ("1977",), context.index("1977"))
    table = {context: "de", "de": "In 1977 the college joined Gold"}
    copy = _changed(example, table).examples[1]
    assert isinstance(copy, Question)
    assert copy.context == table["de"]
    assert copy.context.startswith("1977", copy.start)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ("Wipro falls as Infosys gains 5%", "the labels changed places"),
        ("Infosys gains 6% as Wipro falls", "another number"),
        ("Infosys gains 5% as it falls", "a label is lost"),
        ("Infosys does not gain 5% as Wipro falls", "a negation was added"),
        ("Infosys gains 5% as Wipro Wipro falls", "which one is labelled is not known"),
    ],
)
def test_a_copy_that_lost_something_is_dropped(after: str, reason: str) -> None:
    text = "Infosys gains 5% as Wipro falls"
    example = TaggedExample(text, (Entity(0, 7, "ORG"), Entity(20, 25, "ORG")))
    other = TaggedExample("one more", ())
    editor = BackAndForth(
        _Dictionary({text: "de", "de": after, "one more": "x", "x": "another"}), "en", "de"
    )
    changed = augmented(
        [example, other], editor, AugmentedRows(), 0, remedy="back_translation", hint="another"
    )
    assert len(changed.examples) == 3, reason
    assert "1 dropped" in changed.note


def test_without_offsets_the_order_may_change() -> None:
    text = "the shares of Infosys fall as Wipro isn't up"
    table = {text: "de", "de": "as Wipro is not up Infosys falls"}
    copy = _changed(Example(text, "down"), table).examples[1]
    assert copy == Example(table["de"], "down")


@given(st.lists(st.sampled_from(["Infosys", "Wipro", "5", "up", "down", "is"]), max_size=8))
def test_alignment_gives_the_text_whatever_it_is(words: list[str]) -> None:
    text = "Infosys is up 5 and Wipro is down"
    passage = Passage(text, ((0, 7), (14, 15), (20, 25)))
    after = " ".join(words)
    assert edited(text, aligned(passage, after)) == after


def test_the_same_language_is_refused() -> None:
    with pytest.raises(ValidationError, match="through: English is the texts' language"):
        BackTranslation.model_validate(
            {
                "remedy": "back_translation",
                "translator": {"by": "endpoint", "url": "http://127.0.0.1:1", "model": "m"},
                "through": "English",
            }
        )
