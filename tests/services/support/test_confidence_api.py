"""The routes of the confidence: evidence, and what thresholds give."""

import math
from typing import Any

import httpx
import orjson
import pytest

from services.support.answers.readings import Turn
from services.support.service import SupportService
from shared.artifacts.aliases import CHAMPION
from shared.retrieval.calibrations import (
    GRID,
    SUPPORT_CONFIDENCE,
    CalibrationQuestion,
    write_questions,
)
from shared.retrieval.confidence import Evidence
from tests.harness.support.fakes import FakeTrunk

ROWS = [
    {"id": "fees", "title": "Fees", "text": "A withdrawal costs two euros."},
    {"id": "cards", "title": "Cards", "text": "A lost card is blocked in the app."},
]
ASKED = "what does a withdrawal cost"


@pytest.fixture
async def filled(http: httpx.AsyncClient) -> httpx.AsyncClient:
    answer = await http.post(
        "/knowledge-bases/help-centre/documents",
        content=b"\n".join(map(orjson.dumps, ROWS)),
        headers={"content-type": "application/x-ndjson"},
    )
    assert answer.status_code == 200, answer.text
    return http


async def evidence(http: httpx.AsyncClient, *turns: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": turn} for turn in turns]
    answer = await http.post("/evidence", json={"messages": messages})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_evidence_is_that_of_the_chat(
    filled: httpx.AsyncClient, service: SupportService, trunk: FakeTrunk
) -> None:
    trunk.judge_logits = lambda question, passage: 2.0 if "costs two" in passage else -3.0

    found = await evidence(filled, ASKED)

    knowledge_base = await service.knowledge_bases.get("default", "help-centre")
    answer = await service.assistant.answer(knowledge_base, Turn((ASKED,)))
    assert found["document_id"] == "fees"
    assert (found["tenant"], found["knowledge_base"]) == ("default", "help-centre")
    assert found["evidence"]["judge"] == pytest.approx(2.0, abs=1e-3)
    odds = 2.0 - math.log(1 + math.exp(-3.0))
    assert found["evidence"]["judge_odds"] == pytest.approx(odds, abs=1e-3)
    assert found["confidence"] == pytest.approx(answer.confidence)
    assert found["embed_bundle"] == trunk.embed_bundle
    assert found["judge_bundle"] == trunk.judge_bundle
    assert found["intent_bundle"] is None


async def test_small_talk_has_no_evidence(filled: httpx.AsyncClient) -> None:
    found = await evidence(filled, "thanks!")

    assert (found["kind"], found["document_id"], found["evidence"]) == ("small_talk", None, None)


def hold(service: SupportService) -> str:
    """Lets a calibration serve that knows a shipped domain, and one of each of two tenants."""
    store = service.confidence_of(None)._store
    nothing = Evidence(0, 0, 0, 0, 0)
    questions = [
        CalibrationQuestion(domain, nothing, True, held_out > 0.5, held_out)
        for domain in ("farm", "default/help-centre", "other/help-centre")
        for held_out in (0.2, 0.9)
    ]
    made = service.confidence_of(None).calibration.model_copy(update={"threshold": 0.7})
    bundle = store.write(made, lambda folder: write_questions(folder, questions))
    store.set_alias(SUPPORT_CONFIDENCE, CHAMPION, bundle.id)
    return bundle.id


async def test_thresholds_say_what_they_give(
    filled: httpx.AsyncClient, service: SupportService
) -> None:
    made = hold(service)
    await service.confidence_of(None).follow()

    found = (await filled.get("/risk-coverage")).json()

    assert (found["calibration"], found["threshold"]) == (made, 0.7)
    assert service.confidence_of(None).calibration.threshold == 0.7
    assert found["pooled"]["questions"] == 6
    assert [each["domain"] for each in found["domains"]] == ["default/help-centre", "farm"]
    points = {point["threshold"]: point for point in found["pooled"]["points"]}
    assert list(points) == list(GRID)
    assert (points[0.1]["answered"], points[0.1]["risk"]) == (1.0, 0.5)
    assert (points[0.5]["answered"], points[0.5]["risk"]) == (0.5, 0.0)
    assert found["knowledge_base"] is None


async def test_a_knowledge_base_has_its_own_curve(
    filled: httpx.AsyncClient, service: SupportService
) -> None:
    hold(service)
    await service.confidence_of(None).follow()

    own = await filled.get("/risk-coverage", params={"knowledge_base": "help-centre"})
    missing = await filled.get("/risk-coverage", params={"knowledge_base": "none"})

    assert own.json()["knowledge_base"]["domain"] == "default/help-centre"
    assert missing.status_code == 404
