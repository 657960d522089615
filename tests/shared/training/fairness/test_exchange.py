from pathlib import Path

import pytest

from shared.training.fairness.exchange import TermExchange
from shared.training.fairness.lines import Exchange
from shared.training.fairness.reading import read_exchanges, read_names_and_templates

SHIPPED = Path(__file__).parents[4] / "pipelines" / "fairness"


@pytest.fixture(scope="module")
def shipped() -> TermExchange:
    return TermExchange(read_exchanges(SHIPPED / "terms.jsonl"))


@pytest.mark.parametrize(
    ("text", "exchanged"),
    [
        ("She sold her shares.", "He sold his shares."),
        ("The bank called her.", "The bank called him."),
        ("They offered her a loan.", "They offered him a loan."),
        ("I asked her whether it pays.", "I asked him whether it pays."),
        ("Her annual report is late.", "His annual report is late."),
        ("HER REPORT IS LATE", "HIS REPORT IS LATE"),
        ("He sold his shares.", "She sold her shares."),
        ("The shares are his.", "The shares are hers."),
        ("The firm is his and the debt too.", "The firm is hers and the debt too."),
        ("The shares are hers, not ours.", "The shares are his, not ours."),
        ("He did it himself.", "She did it herself."),
        ("It sold her “best” fund.", "It sold his “best” fund."),
        ("The businesswoman's mother-in-law", "The businessman's father-in-law"),
        ("Chairwoman and chairmen", "Chairman and chairwomen"),
        ("Mum asked Mr Day; mom did not.", "Dad asked Ms Day; dad did not."),
        ("The cashier helped there; others heard.", "The cashier helped there; others heard."),
        ("Germany, manual, female-led", "Germany, manual, female-led"),
        ("", ""),
    ],
)
def test_terms_are_exchanged_as_whole_words(
    shipped: TermExchange, text: str, exchanged: str
) -> None:
    assert shipped.exchanged(text) == exchanged


def test_sentences_that_ship_agree_with_their_pronouns(shipped: TermExchange) -> None:
    """Filling the slots for he and for she gives texts that are each other's exchange."""
    read = [read_names_and_templates(SHIPPED / f"{file}.jsonl") for file in ("measure", "train")]
    templates = [each for file in read for each in file.templates if each.has_pronouns]
    assert len(templates) >= 30
    for each in templates:
        he, she = each.filled("Robin", "he"), each.filled("Robin", "she")
        assert he != she
        assert shipped.exchanged(he) == she
        assert shipped.exchanged(she) == he


def test_without_the_pairs_of_pronouns_no_rule_of_theirs_holds() -> None:
    def pair(*terms: str) -> Exchange:
        first, second = terms
        groups = ("one", "other")
        return Exchange(kind="exchange", groups=groups, terms=(first, second), source="here")

    own = TermExchange([pair("her", "their"), pair("Hindu", "Sikh")])
    assert own.exchanged("her shop, her") == "their shop, their"
    assert own.exchanged("a hindu and a Sikh temple") == "a Sikh and a Hindu temple"
