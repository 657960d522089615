"""Composed answers: which sentences, of which passages, in which order, from where."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.support.answers.compose import Cited, Composed, compose
from services.support.answers.excerpt import CLEAR_WORDS, MAX_WORDS, can_answer, count_words
from shared.retrieval.entries import Entry
from shared.retrieval.index import Hit
from shared.retrieval.tokens import tokenize
from shared.text.passages import TextFormat, split_passages

STEPS = """Cards can be blocked. Nobody likes it.

To unblock the card do this:

1. Open the app and look for the picture of the card.
2. Tap the card, and hold it until it shakes a little.
3. Tap unblock, then enter the six figures of your code.
4. Wait a minute before you pay with it again.

It is free. It works abroad. Call us otherwise."""


def hit_of(text: str, *, title: str = "Title", is_faq: bool = False) -> Hit:
    passages = split_passages(text, TextFormat.MARKDOWN)
    entry = Entry.of(title, 1, title, (), passages, is_faq=is_faq)
    return Hit(entry, 0, 1.0, 1.0, 1.0, 0.0)


def weights(question: str) -> dict[str, float]:
    return dict.fromkeys(tokenize(question), 1.0)


def composed(
    hits: Sequence[Hit],
    question: str,
    *,
    logits: Sequence[float] = (),
) -> Composed:
    found = compose(hits, weights(question), logits=logits)
    assert found is not None
    return found


def answer(hit: Hit, question: str) -> tuple[str, Cited]:
    """The text of an answer from one passage, without its citation's number, and the citation."""
    found = composed([hit], question)
    (cited,) = found.citations
    assert found.text.endswith(" [1]")
    return found.text.removesuffix(" [1]"), cited


def says_nothing(source: str) -> bool:
    return compose([hit_of(source)], weights("owls")) is None and not can_answer(hit_of(source))


@pytest.mark.parametrize("question", ["how do I unblock", "where do I tap", "wait a minute"])
def test_a_list_stays_whole_with_its_introduction(question: str) -> None:
    text, cited = answer(hit_of(STEPS), question)

    assert "To unblock the card do this:\n1. Open the app" in text
    assert "4. Wait a minute before you pay with it again." in text
    assert STEPS[cited.start : cited.end] == cited.source


def test_it_stands_around_the_sentence_that_shares_most_with_the_question() -> None:
    steps = STEPS.replace("Wait", "Put it down on a table, and wait")

    text, cited = answer(hit_of(steps), "is it free abroad")

    assert text == "It is free. It works abroad. Call us otherwise."
    assert steps[cited.start : cited.end] == cited.source == text


def test_it_is_short_where_one_sentence_is_clearly_meant_and_never_too_long() -> None:
    other = "Nobody here has ever asked us anything at all about what mice do at night."
    hit = hit_of(" ".join([other] * 5 + ["Owls hoot."] + [other] * 5))

    short, _ = answer(hit, "owls")
    long, _ = answer(hit, "tall")

    assert "Owls hoot." in short
    assert count_words(short) <= CLEAR_WORDS < count_words(long) <= MAX_WORDS


def test_the_answer_of_a_faq_begins_at_its_beginning() -> None:
    long = "So much is said about that by everyone who ever came here."
    hit = hit_of(" ".join(["One.", "Two.", "Three.", *[long] * 8, "Four owls."]), is_faq=True)

    text, _ = answer(hit, "owls")

    assert text == " ".join(["One.", "Two.", "Three.", *[long] * 6])


def test_headings_are_no_answer() -> None:
    assert answer(hit_of("# Owls\n\nThey hoot."), "owls")[0] == "They hoot."
    for source in ("# Owls", "**Owls**", "# Owls\n\n[All about owls](owls.md)"):
        assert says_nothing(source)


def test_what_only_points_elsewhere_is_no_answer() -> None:
    source = (
        'Fees for owls are described in "Owls and fees". See the section below.\n\n'
        'Owls cost 5 pounds. Fees for mice are listed in "Mice".'
    )

    assert answer(hit_of(source), "what fees do owls have")[0] == "Owls cost 5 pounds."
    assert says_nothing('# Fees\n\nFor fees, see "Owls and fees".')
    assert says_nothing("Do you need an owl? See the section below.")


def test_another_passage_of_the_document_answers_where_the_best_one_only_points() -> None:
    hit = hit_of("## Owl fees\n\nOwl fees are listed below.\n\n## Prices\n\nAn owl costs 5 pounds.")

    assert hit.passage.text == "Owl fees\nOwl fees are listed below."
    assert answer(hit, "owl fees")[0] == "An owl costs 5 pounds."


def test_a_faq_is_answered_with_what_its_author_wrote() -> None:
    hit = hit_of("See https://example.com/owls.", is_faq=True)

    assert can_answer(hit)
    assert answer(hit, "owls")[0] == "See https://example.com/owls."


def test_a_question_or_an_introduction_is_not_all_of_an_answer() -> None:
    assert compose([hit_of("How do I feed owls?")], weights("feed owls")) is None
    assert compose([hit_of("To feed owls do this:")], weights("feed owls")) is None
    text, _ = answer(hit_of("How do I feed owls? With mice."), "feed owls")
    assert text == "How do I feed owls? With mice."


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
    found, cited = answer(hit_of(TABLE), question)

    assert found == text
    assert TABLE[cited.start : cited.end] == cited.source
    assert cited.source.startswith("| ")
    assert cited.source.endswith(" |")


def test_what_is_said_below_a_table_and_fits_as_well_as_its_row_is_said_too() -> None:
    below = "Rules for a robin at that price are in our book."

    text, _ = answer(hit_of(f"{TABLE}\n{below}"), "robin price")

    assert text == f"Bird: Robin; Food: worms; Price: 3\n{below}"


def test_a_row_goes_before_a_sentence_that_fits_as_well() -> None:
    above = "Every owl, robin or other bird has a price. They vary a little with the season."

    text, _ = answer(hit_of(f"{above}\n\n{TABLE}"), "robin price")

    assert text == "Bird: Robin; Food: worms; Price: 3"


def test_an_item_of_a_list_is_not_cut_into_sentences() -> None:
    item = "1. Be here in time: by car 45 minutes before, on foot 20. The gate closes 10 before."
    others = "2. Scan your code at the barrier. The screen shows your lane, which is painted blue."
    far = "3. Stay in your car and switch off the engine, then wait until you are waved on board."

    text, _ = answer(hit_of(f"{item}\n{others}\n{far}"), "when does the gate close")

    assert text.startswith("1. Be here in time")


def test_the_part_with_the_heading_that_was_asked_for_answers_alone() -> None:
    parts = (("Owls", "mice"), ("Robins", "worms"), ("Cats", "fish"))
    source = "\n".join(f"- # {name}\n\n  They eat {food}.\n" for name, food in parts)

    assert answer(hit_of(source), "what do robins eat")[0] == "They eat worms."


def test_the_question_that_a_short_answer_stands_under_is_given_with_it() -> None:
    source = "# All\n\nAll of it.\n\n## Can I exchange an owl?\n\nYes, within a week.\n"

    hit = replace(hit_of(source), passage_number=1)
    text, cited = answer(hit, "can I bring an owl back")

    assert text == "Can I exchange an owl?\nYes, within a week."
    assert source[cited.start : cited.end] == cited.source
    titled = replace(hit, entry=replace(hit.entry, title="Can I exchange an owl?"))
    assert answer(titled, "can I bring an owl back")[0] == "Yes, within a week."


@pytest.mark.parametrize(
    ("max_tokens", "text", "is_cut"),
    [
        (100, "One is here. Two is here. Three is here. [1]", False),
        (8, "One is here. Two is here. [1]", True),
        (4, "One is here. [1]", True),
        (2, "One is [1]", True),
    ],
)
def test_the_limit_of_tokens_leaves_the_end_out(max_tokens: int, text: str, is_cut: bool) -> None:
    hit = hit_of("One is here. Two is here. Three is here.", is_faq=True)

    found = compose([hit], {}, max_tokens=max_tokens)

    assert found is not None
    assert (found.text, found.is_cut) == (text, is_cut)
    assert found.citations[0].source.startswith("One is here.")


OWLS = hit_of("An owl costs 5 pounds.", title="Owls")
MICE = hit_of("A mouse is delivered within a week.", title="Mice")


def test_a_question_about_two_things_is_answered_from_two_passages() -> None:
    found = composed([OWLS, MICE], "price of an owl and delivery of a mouse", logits=[2.0, 1.5])

    assert found.text == "An owl costs 5 pounds. [1]\n\nA mouse is delivered within a week. [2]"
    assert [cited.hit for cited in found.citations] == [OWLS, MICE]
    assert not found.is_cut


@pytest.mark.parametrize(
    ("question", "logits"),
    [
        ("price of an owl and delivery of a mouse", [2.0, -2.0]),
        ("price of an owl and delivery of a mouse", []),
        ("an owl", [2.0, 2.0]),
    ],
)
def test_a_further_passage_must_be_as_good_and_add_something(
    question: str, logits: Sequence[float]
) -> None:
    assert composed([OWLS, MICE], question, logits=logits).citations[0].hit is OWLS
    assert len(composed([OWLS, MICE], question, logits=logits).citations) == 1


@pytest.mark.parametrize(("logit", "count"), [(1.5, 2), (0.5, 1)])
def test_another_passage_of_the_document_need_not_hold_words_of_the_question(
    logit: float, count: int
) -> None:
    dreams = "Nobody knows what it dreams of. " * 15
    passage = hit_of(f"An owl sleeps by day. {dreams}It eats.")
    second = replace(passage, passage_number=1)
    assert len(passage.entry.passages) == 2

    found = composed([passage, second], "when does an owl sleep", logits=[2.0, logit])

    assert [each.hit for each in found.citations] == [passage, second][:count]


@pytest.mark.parametrize(
    ("sentence", "last", "count"),
    [("谁也不知道它会梦见什么。", "它吃老鼠。", 2), ("Nobody knows its dreams. ", "It eats.", 1)],
)
def test_unjudged_chinese_is_answered_with_a_further_passage_of_the_document(
    sentence: str, last: str, count: int
) -> None:
    passage = hit_of(sentence * (8 if count == 2 else 20) + last)
    second = replace(passage, passage_number=1)
    other = hit_of("别的鸟。", title="Other")
    assert len(passage.entry.passages) == 2

    found = composed([passage, other, second], "它")

    assert [each.hit for each in found.citations] == [passage, second][:count]
    assert sum(count_words(each.source) for each in found.citations) <= MAX_WORDS


def test_what_was_said_is_not_said_again() -> None:
    again = hit_of("An owl costs 5 pounds. Delivery takes a week.", title="Delivery")

    found = composed([OWLS, again], "price of an owl with delivery", logits=[1.0, 1.0])

    assert found.text == "An owl costs 5 pounds. [1]\n\nDelivery takes a week. [2]"
    assert found.citations[1].source == "Delivery takes a week."


def test_at_most_three_passages_answer_in_at_most_eighty_words() -> None:
    words = ["owl", "mouse", "robin", "cat"]
    hits = [hit_of(f"The {word} sleeps.", title=word) for word in words]
    found = composed(hits, " ".join(words), logits=[1.0] * 4)
    assert [cited.hit for cited in found.citations] == hits[:3]

    long = [hit_of(f"{word} {'of that kind ' * 14}.", title=word) for word in words]
    found = composed(long, " ".join(words), logits=[1.0] * 4)
    assert len(found.citations) == 1
    assert count_words(found.text) <= MAX_WORDS


def test_the_limit_of_tokens_leaves_further_passages_out() -> None:
    question = weights("price of an owl and delivery of a mouse")

    found = compose([OWLS, MICE], question, logits=[1.0, 1.0], max_tokens=7)

    assert found is not None
    assert (found.text, found.is_cut) == ("An owl costs 5 pounds. [1]", True)
    assert len(found.citations) == 1
