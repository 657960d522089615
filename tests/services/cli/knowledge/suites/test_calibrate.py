import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.calibration.centres import HELP_CENTRES
from services.cli.knowledge.suites.calibrate import calibrate, rollback
from services.support.confidence import load_calibration, open_confidence
from shared.errors import ConflictError, InputError
from shared.retrieval.calibrations import SUPPORT_CONFIDENCE, read_questions
from shared.retrieval.confidence import Evidence
from shared.retrieval.suite import read_suite
from tests.services.cli.served import URL, Answer

DOMAINS = ("drone", "payroll", "vegbox")
"""Of ours, three are enough here."""

OURS = {
    question.turns[-1]: question.articles[0]
    for name in DOMAINS
    for question in read_suite(HELP_CENTRES / name).questions
    if question.articles
} | {"fees" + " more" * count: "fees" for count in range(8)}


@dataclass
class Platform:
    """Finds the right document of a long question, is surer of it, and else the first word's."""

    embed_bundle: str = "embed@000000000001"
    asked: list[dict[str, Any]] = field(default_factory=list)
    held: list[str] = field(default_factory=lambda: ["fees", "cards"])
    deleted: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            self.deleted += 1
            return httpx.Response(204)
        if request.url.path.endswith("/documents"):
            if request.method == "POST":
                names = [part.split(b'"')[0] for part in request.content.split(b'filename="')[1:]]
                self.held += [name.decode().removesuffix(".md") for name in names]
                return httpx.Response(200, json={"documents": len(names)})
            listed = [{"id": name} for name in self.held]
            return httpx.Response(200, json={"documents": listed, "next": None})
        body = json.loads(request.content)
        self.asked.append(body)
        text = body["messages"][-1]["content"]
        words = text.split()
        evidence = dict.fromkeys(Evidence.__slots__, 0.0) | {"judge": len(words) - 4.0}
        answer = {
            "tenant": "default",
            "document_id": OURS.get(text) if len(words) > 6 else words[0],
            "evidence": None if words[0] == "nothing" else evidence,
            "embed_bundle": self.embed_bundle,
            "intent_bundle": None,
            "judge_bundle": "judge@1",
            "judge_weight": 0.05,
            "name": SUPPORT_CONFIDENCE,
        }
        return httpx.Response(200, json=answer)


def write_suite(folder: Path, count: int) -> Path:
    """Questions of 1 to 8 words; those of more than four, and some others, name their document."""
    rows: list[dict[str, object]] = []
    for number in range(count):
        length = 1 + number % 8
        document = "fees" if length > 4 or number % 7 == 0 else "cards"
        words = " ".join(["fees", *["more"] * (length - 1)])
        rows.append({"question": words, "document": document if number % 5 else ""})
    rows.append({"question": "nothing at all", "answerable": False})
    rows.append({"turns": ["hello"], "answerable": None})
    path = folder / "suite.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.argv", ["banyan", "support", "calibrate", "--suite", "suite.jsonl"])
    monkeypatch.setattr("pipelines.calibration.centres.calibration_names", lambda: DOMAINS)
    return tmp_path / "var"


def champion(state_dir: Path) -> str | None:
    return open_confidence(state_dir / "confidence").named(SUPPORT_CONFIDENCE)


def test_own_questions_and_ours_make_the_confidence_that_serves(
    state_dir: Path,
    tmp_path: Path,
    answered_by: Callable[[Answer], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    platform = Platform()
    answered_by(platform)

    calibrate(
        [write_suite(tmp_path, 160)],
        kb="shop",
        most_wrong=0.3,
        most_unanswerable=0.9,
        state_dir=state_dir,
        url=URL,
    )

    store = open_confidence(state_dir / "confidence")
    bundle = store.bundle(store.resolve(SUPPORT_CONFIDENCE))
    made = bundle.manifest
    assert made.fits("embed@000000000001", None, "judge@1")
    assert made.weights["judge"] > 0
    assert made.command == "banyan support calibrate --suite suite.jsonl"
    assert made.domains.keys() == {"default/shop", "drone", "payroll", "vegbox"}
    assert made.domains["default/shop"].questions == 160
    assert len(read_questions(bundle)) == made.pooled.questions if made.pooled else False
    assert platform.deleted == 3
    said = capsys.readouterr().out
    assert f"{bundle.id} serves" in said
    assert "say little" not in said

    rollback(state_dir=state_dir)
    assert champion(state_dir) == load_calibration().id


def test_a_small_suite_is_warned_of_and_a_dry_run_changes_nothing(
    state_dir: Path,
    tmp_path: Path,
    answered_by: Callable[[Answer], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered_by(Platform())
    before = champion(state_dir)

    calibrate(
        [write_suite(tmp_path, 40)],
        kb="shop",
        threshold=0.4,
        dry_run=True,
        state_dir=state_dir,
        url=URL,
    )

    assert champion(state_dir) == before
    said = capsys.readouterr().out
    assert "the suite has 40 questions with a confidence: below 100" in said
    assert "nothing has changed" in said


def test_a_bounded_risk_is_found_on_the_own_suite(
    state_dir: Path, tmp_path: Path, answered_by: Callable[[Answer], None]
) -> None:
    answered_by(Platform())

    calibrate([write_suite(tmp_path, 400)], kb="shop", risk=0.5, state_dir=state_dir, url=URL)

    store = open_confidence(state_dir / "confidence")
    risk = store.bundle(store.resolve(SUPPORT_CONFIDENCE)).manifest.risk
    assert risk is not None
    assert (risk.level, risk.questions) == (0.5, 200)


def test_another_champion_meanwhile_is_refused(
    tmp_path: Path, state_dir: Path, answered_by: Callable[[Answer], None]
) -> None:
    platform = Platform()

    def served(request: httpx.Request) -> httpx.Response:
        if len(platform.asked) == 20:
            platform.embed_bundle = "embed@000000000002"
        return platform(request)

    answered_by(served)

    with pytest.raises(ConflictError, match="then embed@000000000002"):
        calibrate([write_suite(tmp_path, 40)], kb="shop", state_dir=state_dir, url=URL)
    assert champion(state_dir) == load_calibration().id


def test_a_share_outside_of_its_range_is_refused(state_dir: Path) -> None:
    with pytest.raises(InputError, match="--risk is 20"):
        calibrate(risk=20, state_dir=state_dir, url=URL)
