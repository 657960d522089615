"""Extractive answers: which sentences, in which order, from where."""

from dataclasses import replace

import pytest

from services.support.answers.extract import Extract, can_answer, extract
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


def answer(hit: Hit, question: str) -> Extract:
    found = extract(hit, weights(question))
    assert found is not None
    return found


def weights(question: str) -> dict[str, float]:
    return dict.fromkeys(tokenize(question), 1.0)


def test_it_begins_at_the_sentence_that_shares_most_with_the_question() -> None:
    found = answer(hit_of(STEPS), "is it free abroad")

    assert found.text == "It is free. It works abroad. Call us otherwise."
    assert STEPS[found.start : found.end] == found.source == found.text


@pytest.mark.parametrize("question", ["how do I unblock", "where do I tap", "wait a minute"])
def test_a_list_stays_whole_with_its_introduction(question: str) -> None:
    found = answer(hit_of(STEPS), question)

    assert found.text.startswith("To unblock the card do this:\n1. Open the app.")
    assert found.text.endswith("4. Wait a minute.")
    assert STEPS[found.start : found.end] == found.source


def test_the_answer_of_a_faq_begins_at_its_beginning() -> None:
    found = answer(hit_of("One. Two. Three. Four owls.", is_faq=True), "owls")

    assert found.text == "One. Two. Three."


def test_headings_are_no_answer() -> None:
    found = answer(hit_of("# Owls\n\nThey hoot."), "owls")

    assert found.text == "They hoot."
    for source in ("# Owls", "**Owls**", "# Owls\n\n[All about owls](owls.md)"):
        assert extract(hit_of(source), weights("owls")) is None
        assert not can_answer(hit_of(source))


def test_what_only_points_elsewhere_is_no_answer() -> None:
    source = (
        'Fees for owls are described in "Owls and fees". See the section below.\n\n'
        'Owls cost 5 pounds. Fees for mice are listed in "Mice".'
    )

    assert answer(hit_of(source), "what fees do owls have").text == "Owls cost 5 pounds."
    assert not can_answer(hit_of('# Fees\n\nFor fees, see "Owls and fees".'))
    assert not can_answer(hit_of("Do you need an owl? See the section below."))


def test_another_passage_of_the_document_answers_where_the_best_one_only_points() -> None:
    hit = hit_of("## Owl fees\n\nOwl fees are listed below.\n\n## Prices\n\nAn owl costs 5 pounds.")

    found = answer(hit, "owl fees")

    assert hit.passage.text == "Owl fees\nOwl fees are listed below."
    assert found.text == "An owl costs 5 pounds."


def test_a_faq_is_answered_with_what_its_author_wrote() -> None:
    hit = hit_of("See https://example.com/owls.", is_faq=True)

    assert can_answer(hit)
    assert answer(hit, "owls").text == "See https://example.com/owls."


def test_a_question_or_an_introduction_is_not_all_of_an_answer() -> None:
    assert extract(hit_of("How do I feed owls?"), weights("feed owls")) is None
    assert extract(hit_of("To feed owls do this:"), weights("feed owls")) is None
    found = answer(hit_of("How do I feed owls? With mice."), "feed owls")
    assert found.text == "How do I feed owls? With mice."


TABLE = "| Bird | Food | Price |\n|---|---|---|\n| Owl | mice | 5 |\n| Robin | worms | 3 |\n"


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("what is the price of a robin", "Bird: Robin; Food: worms; Price: 3"),
        ("owl food", "Bird: Owl; Food: mice; Price: 5"),
        ("food", "Bird: Owl; Food: mice; Price: 5\nBird: Robin; Food: worms; Price: 3"),
    ],
)
def test_of_a_table_whole_rows_answer(question: str, text: str) -> None:
    found = answer(hit_of(TABLE), question)

    assert found.text == text
    assert TABLE[found.start : found.end] == found.source
    assert found.source.startswith("| ")
    assert found.source.endswith(" |")


def test_the_part_with_the_heading_that_was_asked_for_answers_alone() -> None:
    parts = (("Owls", "mice"), ("Robins", "worms"), ("Cats", "fish"))
    source = "\n".join(f"- # {name}\n\n  They eat {food}.\n" for name, food in parts)

    assert answer(hit_of(source), "what do robins eat").text == "They eat worms."


def test_the_question_that_a_short_answer_stands_under_is_given_with_it() -> None:
    source = "# All\n\nAll of it.\n\n## Can I exchange an owl?\n\nYes, within a week.\n"

    hit = replace(hit_of(source), passage_number=1)
    found = answer(hit, "can I bring an owl back")

    assert found.text == "Can I exchange an owl?\nYes, within a week."
    assert source[found.start : found.end] == found.source
    titled = replace(hit, entry=replace(hit.entry, title="Can I exchange an owl?"))
    assert answer(titled, "can I bring an owl back").text == "Yes, within a week."


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

    assert found is not None
    assert (found.text, found.is_cut) == (text, is_cut)
    assert found.source.startswith("One is here.")
