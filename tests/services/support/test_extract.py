"""Extractive answers: which sentences, in which order, from where."""

import pytest

from services.support.extract import extract
from shared.retrieval.index import Entry, Hit
from shared.retrieval.sparse import tokenize
from shared.text.passages import TextFormat, split_passages

STEPS = """Cards can be blocked. Nobody likes it.

To unblock the card do this:

1. Open the app.
2. Tap the card.
3. Tap unblock.
4. Wait a minute.

It is free. It works abroad. Call us otherwise."""


def hit_of(text: str, *, is_faq: bool = False) -> Hit:
    passages = split_passages(text, TextFormat.MARKDOWN)
    entry = Entry.of("a", 1, "Title", (), passages, is_faq=is_faq)
    return Hit(entry, 0, 1.0, 1.0, 1.0, 0.0)


def weights(question: str) -> dict[str, float]:
    return dict.fromkeys(tokenize(question), 1.0)


def test_it_begins_at_the_sentence_that_shares_most_with_the_question() -> None:
    found = extract(hit_of(STEPS), weights("is it free abroad"))

    assert found.text == "It is free. It works abroad. Call us otherwise."
    assert STEPS[found.start : found.end] == found.source == found.text


@pytest.mark.parametrize("question", ["how do I unblock", "where do I tap", "wait a minute"])
def test_a_list_stays_whole_with_its_introduction(question: str) -> None:
    found = extract(hit_of(STEPS), weights(question))

    assert found.text.startswith("To unblock the card do this:\n1. Open the app.")
    assert found.text.endswith("4. Wait a minute.")
    assert STEPS[found.start : found.end] == found.source


def test_the_answer_of_a_faq_begins_at_its_beginning() -> None:
    found = extract(hit_of("One. Two. Three. Four owls.", is_faq=True), weights("owls"))

    assert found.text == "One. Two. Three."


def test_headings_are_no_answer() -> None:
    found = extract(hit_of("# Owls\n\nThey hoot."), weights("owls"))

    assert found.text == "They hoot."
    assert extract(hit_of("# Owls"), weights("owls")).text == "Owls"


@pytest.mark.parametrize(
    ("max_tokens", "text", "is_cut"),
    [
        (100, "One is here. Two is here. Three is here.", False),
        (8, "One is here. Two is here.", True),
        (4, "One is here.", True),
        (2, "One is", True),
    ],
)
def test_the_limit_of_tokens_leaves_the_end_out(max_tokens: int, text: str, is_cut: bool) -> None:
    hit = hit_of("One is here. Two is here. Three is here.", is_faq=True)

    found = extract(hit, {}, max_tokens=max_tokens)

    assert (found.text, found.is_cut) == (text, is_cut)
    assert found.source.startswith("One is here.")
