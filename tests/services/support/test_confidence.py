"""Evidence and the probability that is made of it."""

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest

from services.support.confidence import (
    SHIPPED,
    ConfidenceFollower,
    load_calibration,
    open_confidence,
)
from shared.artifacts.aliases import CHAMPION
from shared.artifacts.promotion import roll_back
from shared.errors import ArtifactError
from shared.models.builtin import ensure_embed
from shared.models.registry import open_registry
from shared.retrieval.calibrations import (
    QUESTIONS_FILE,
    SUPPORT_CONFIDENCE,
    Calibrations,
    open_calibrations,
    write_questions,
)
from shared.retrieval.confidence import MOST_MARGIN, Calibration, Evidence, evidence_of
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
    assert hits[0].score - hits[1].score > found.margin == MOST_MARGIN
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


def calibration(**changed: object) -> Calibration:
    fields: dict[str, object] = {
        "name": "support-confidence",
        "embed_bundle": "embed@1",
        "intent_bundle": "intent@1",
        "judge_bundle": "judge@1",
        "weights": dict.fromkeys(Evidence.__slots__, 1.0),
        "intercept": -1.0,
        "threshold": 0.5,
        "command": "made by hand",
    }
    return Calibration.model_validate(fields | changed)


_WEIGHTS = (1.0, -2.0, 0.5, 3.0, 0.25, 2.0, 0.5, -1.0, -0.5, 1.5)


def test_the_probability_is_the_logistic_of_the_weighted_sum() -> None:
    weights = dict(zip(Evidence.__slots__, _WEIGHTS, strict=True))
    values = np.array([0.3, 0.6, 0.1, 1.0, 0.9, 1.5, 0.25, 1.0, 1.0, 0.3])

    expected = 1 / (1 + np.exp(-(-1.0 + values @ np.array(list(weights.values())))))

    found = calibration(weights=weights).probability(Evidence(*values))
    assert found == pytest.approx(expected)


def test_no_evidence_is_too_large_for_a_probability() -> None:
    assert calibration().probability(Evidence(1, 1, 1, 1, 1, judge=1e6)) == 1.0
    assert calibration().probability(Evidence(1, 1, 1, 1, 1, judge=-1e6)) == pytest.approx(0.0)


def test_a_calibration_is_named_by_its_content_and_fits_its_bundles() -> None:
    made = calibration()
    other = made.model_copy(update={"intercept": made.intercept + 1})

    assert re.fullmatch("support-confidence@[0-9a-f]{12}", made.id)
    assert made.id == calibration().id != other.id
    assert made.fits("embed@1", "intent@1", "judge@1")
    assert made.fits("embed@1", None, "judge@1")
    assert not made.fits("embed@2", "intent@1", "judge@1")
    assert not made.fits("embed@1", "intent@2", "judge@1")
    assert not made.fits("embed@1", "intent@1", "judge@2")
    assert not made.fits("embed@1", "intent@1", None)
    assert not calibration(judge_bundle=None).fits("embed@1", "intent@1", "judge@1")
    assert calibration(judge_bundle=None).fits("embed@1", "intent@1", None)


def test_what_was_fitted_to_other_evidence_fits_nothing() -> None:
    older = calibration(weights={"dense": 3.0})

    assert 0 < older.probability(Evidence(1, 1, 1, 1, 1)) < 1
    assert not older.fits("embed@1", "intent@1", "judge@1")


def test_what_ships_was_made_with_the_bundles_that_ship(tmp_path: Path) -> None:
    made = load_calibration()
    registry = open_registry(tmp_path)

    embed = ensure_embed(registry, load_backbone())

    assert made.embed_bundle == embed.id
    assert made.intent_bundle == registry.aliases()["support-intent"][CHAMPION].bundle


def test_what_ships_names_its_command() -> None:
    calibration = load_calibration()

    assert calibration.weights.keys() == set(Evidence.__slots__)
    assert 0 < calibration.threshold < 1
    assert "calibrate_support" in calibration.command
    assert calibration.id == open_calibrations(SHIPPED).resolve(SUPPORT_CONFIDENCE)


def put(store: Calibrations, made: Calibration) -> str:
    bundle = store.write(made, lambda folder: write_questions(folder, []))
    store.set_alias(SUPPORT_CONFIDENCE, CHAMPION, bundle.id)
    return bundle.id


async def test_a_new_champion_is_taken_while_the_platform_runs(tmp_path: Path) -> None:
    store = open_confidence(tmp_path)
    follower = ConfidenceFollower(store)
    assert follower.calibration == load_calibration()

    await follower.follow()
    assert follower.calibration == load_calibration()
    made = put(store, calibration())
    await follower.follow()

    assert follower.bundle.id == made
    roll_back(store, SUPPORT_CONFIDENCE, command="", at_s=0.0)
    await follower.follow()
    assert follower.calibration == load_calibration()
    assert follower.state == "ready"


async def test_a_damaged_champion_is_not_taken(tmp_path: Path) -> None:
    store = open_confidence(tmp_path)
    follower = ConfidenceFollower(store)
    made = put(store, calibration())
    owner, _, digest = made.partition("@")
    (tmp_path / owner / digest / QUESTIONS_FILE).write_text("{}\n")

    with pytest.raises(ArtifactError, match=r"questions\.jsonl is corrupt"):
        await follower.follow()
    assert follower.calibration == load_calibration()
    with pytest.raises(ArtifactError, match="is corrupt"):
        ConfidenceFollower(store)


async def test_the_task_takes_it_and_says_what_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.support.confidence.CHECK_S", 0.01)
    store = open_confidence(tmp_path)
    follower = ConfidenceFollower(store)
    follower.start()
    made = put(store, calibration())
    async with asyncio.timeout(10):
        while follower.bundle.id != made:
            await asyncio.sleep(0.01)
    (tmp_path / "aliases.json").write_text("no JSON")
    async with asyncio.timeout(10):
        while follower.state == "ready":
            await asyncio.sleep(0.01)
    await follower.close()

    assert follower.state.startswith(f"ready, but {made} serves on: ")
    assert "is malformed" in follower.state
