"""Evidence and the probability that is made of it."""

import re
from pathlib import Path

import numpy as np
import pytest

from services.support.confidence import load_calibration
from shared.artifacts.aliases import CHAMPION
from shared.models.builtin import ensure_embed
from shared.models.registry import open_registry
from shared.retrieval.confidence import Calibration, Evidence, evidence_of
from shared.retrieval.index import Index
from tests.harness.entries import BUNDLE, WIDTH, embedded, query
from tests.harness.models.trained import load_backbone

INDEX = Index.empty(BUNDLE, WIDTH).replaced(
    1, (), [embedded("a", "Barn owls", "Owls eat mice."), embedded("b", "Roses", "Water them.")]
)


def evidence(question: str, label_scores: dict[str, float] | None = None) -> Evidence:
    hits = INDEX.search([query(question)], 10, label_scores=label_scores)
    return evidence_of(hits, INDEX, question, has_intent=label_scores is not None)


def test_evidence_is_read_from_the_hits() -> None:
    found = evidence("barn owls hunt")
    hits = INDEX.search([query("barn owls hunt")], 10)

    assert found.dense == hits[0].dense
    assert found.margin == hits[0].score - hits[1].score > 0
    rare, common = INDEX.word_weights("hunt")["hunt"], INDEX.word_weights("owl")["owl"]
    barn = INDEX.word_weights("barn")["barn"]
    assert found.coverage == pytest.approx((common + barn) / (common + barn + rare))
    assert (found.has_intent, found.intent) == (0.0, 0.0)
    assert evidence("owls", {}).has_intent == 0.0


def test_an_intent_speaks_only_of_documents_that_carry_one() -> None:
    labelled = embedded("c", "Fees", "A transfer costs a pound.", labels=("fee",))
    index = INDEX.replaced(2, (), [labelled])
    hits = index.search([query("transfer costs")], 10, label_scores={"fee": 0.4})

    found = evidence_of(hits, index, "transfer costs", has_intent=True)

    assert (found.has_intent, round(found.intent, 6)) == (1.0, 0.4)
    assert evidence_of(hits, index, "transfer costs", has_intent=False).has_intent == 0.0


def test_a_question_without_words_has_no_coverage() -> None:
    assert evidence("???").coverage == 0.0


def test_more_evidence_is_more_confidence() -> None:
    calibration = load_calibration()
    weak = calibration.probability(evidence("something else altogether"))
    strong = calibration.probability(evidence("what do barn owls eat: mice"))

    assert 0 <= weak < strong <= 1


def test_the_probability_is_the_logistic_of_the_weighted_sum() -> None:
    names = Evidence.__slots__
    weights = dict(zip(names, (1.0, -2.0, 0.5, 3.0, 0.25, 0.125, -0.5, 0.75), strict=True))
    calibration = Calibration(
        name="mine",
        embed_bundle="embed@1",
        intent_bundle=None,
        weights=weights,
        intercept=-1.0,
        threshold=0.5,
        command="",
        figures={},
    )
    values = np.array([0.3, 0.6, 0.1, 1.0, 0.9, -1.5, 0.5, 1.0])

    expected = 1 / (1 + np.exp(-(-1.0 + values @ np.array(list(weights.values())))))

    assert calibration.probability(Evidence(*values)) == pytest.approx(expected)


def test_a_calibration_is_named_by_its_content_and_fits_its_bundles() -> None:
    made = load_calibration()
    other = made.model_copy(update={"intercept": made.intercept + 1})

    assert re.fullmatch("support-confidence@[0-9a-f]{12}", made.id)
    assert made.id == load_calibration().id != other.id
    assert made.fits(made.embed_bundle, made.intent_bundle)
    assert made.fits(made.embed_bundle, None)
    assert not made.fits("embed@000000000000", made.intent_bundle)
    assert not made.fits(made.embed_bundle, "support-intent@000000000000")


def test_what_ships_was_made_with_the_bundles_that_ship(tmp_path: Path) -> None:
    made = load_calibration()
    registry = open_registry(tmp_path)

    embed = ensure_embed(registry, load_backbone())

    assert made.embed_bundle == embed.id
    assert made.intent_bundle == registry.aliases()["support-intent"][CHAMPION].bundle


def test_what_ships_names_its_command_and_its_figures() -> None:
    calibration = load_calibration()

    assert calibration.weights.keys() == set(Evidence.__slots__)
    assert 0 < calibration.threshold < 1
    assert "calibrate_support" in calibration.command
    assert len(calibration.figures) > 5
