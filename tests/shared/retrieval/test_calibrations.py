from pathlib import Path

import numpy as np
import pytest

from shared.artifacts.aliases import CHAMPION
from shared.artifacts.store import Artifact
from shared.errors import ArtifactError
from shared.retrieval.calibrations import (
    GRID,
    SUPPORT_CONFIDENCE,
    CalibrationQuestion,
    domain_weights,
    open_calibrations,
    read_questions,
    risk_points,
    write_questions,
)
from shared.retrieval.confidence import Calibration, Evidence

EVIDENCE = Evidence(0.5, 0.25, 0.1, 1.0, 0.4, 2.0, 1.5, 0.0)
MADE = Calibration(
    name=SUPPORT_CONFIDENCE,
    embed_bundle="embed@1",
    intent_bundle=None,
    weights=dict.fromkeys(Evidence.__slots__, 1.0),
    intercept=0.0,
    threshold=0.5,
    command="by hand",
)


def question(
    held_out: float | None, *, answerable: bool = True, right: bool = False, domain: str = "shop"
) -> CalibrationQuestion:
    return CalibrationQuestion(domain, EVIDENCE, answerable, right, held_out)


def test_what_is_written_is_read_and_named(tmp_path: Path) -> None:
    questions = [question(0.25, right=True), question(None, answerable=False, domain="bank")]
    store = open_calibrations(tmp_path)

    made = store.write(MADE, lambda folder: write_questions(folder, questions))
    store.set_alias(SUPPORT_CONFIDENCE, CHAMPION, made.id)

    again = store.bundle(store.resolve(SUPPORT_CONFIDENCE))
    assert again.id == made.id == again.manifest.id
    assert read_questions(again) == questions


@pytest.mark.parametrize("line", ['{"set": "a"}', "[1]", "no JSON"])
def test_questions_of_another_form_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "questions.jsonl").write_text(f"{line}\n")

    with pytest.raises(ArtifactError, match="make it with `banyan support calibrate`"):
        read_questions(Artifact("a@0", tmp_path, MADE))


def test_a_calibration_holds_its_questions_and_no_more(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"expected questions\.jsonl"):
        open_calibrations(tmp_path).write(MADE, lambda folder: None)


def test_what_a_threshold_gives() -> None:
    questions = [
        question(0.9, right=True),
        question(0.8, right=False),
        question(0.3, right=True),
        question(0.2, right=False),
        question(0.7, answerable=False),
        question(0.1, answerable=False),
        question(None, answerable=False),
    ]

    low, high = risk_points(questions, (0.5, 0.95))

    assert low.answered == pytest.approx(3 / 6)
    assert (low.right, low.wrong, low.unanswerable) == (0.25, 0.25, 0.5)
    assert low.risk == pytest.approx(2 / 3, abs=1e-6)
    assert (high.answered, high.risk) == (0.0, None)
    assert [point.threshold for point in risk_points(questions)] == list(GRID)


def test_each_domain_weighs_the_same() -> None:
    many = [question(0.9, right=False, domain="large") for _ in range(99)]

    (point,) = risk_points([*many, question(0.9, right=True, domain="small")], (0.5,))

    assert (point.right, point.risk) == (0.5, 0.5)
    assert domain_weights(["a", "a", "a", "b"]) == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert len(domain_weights([])) == 0


def test_nothing_gives_no_shares() -> None:
    (point,) = risk_points([], (0.5,))

    assert point.answered is point.right is point.unanswerable is point.risk is None
    assert np.all(np.diff(GRID) > 0)
