"""Turns that a judge reads: what is answered, suggested, asked back or handed over."""

from typing import Any

import httpx
import orjson
import pytest

from services.support.answers.readings import Turn
from services.support.answers.wording import load_wording
from services.support.service import SupportService
from shared.models.tasks import TaskCall
from tests.harness.support.fakes import FakeTrunk, FixedConfidence

ROWS = [
    {"id": "fees", "title": "Fees", "text": "A withdrawal costs two euros.\n\nA transfer is free."},
    {"id": "abroad", "title": "Abroad", "text": "A withdrawal abroad costs three euros."},
    {"id": "cards", "title": "Cards", "text": "A lost card is blocked in the app."},
    {"id": "points", "title": "Withdrawal abroad", "text": 'See "Abroad" for all fees.'},
]
ASKED = "what does a withdrawal cost"
JUDGE_FIELDS = {"judge": 2.0, "judge_odds": 0.0, "follow_up": 0.0}


@pytest.fixture
async def judged(
    http: httpx.AsyncClient, service: SupportService, trunk: FakeTrunk
) -> httpx.AsyncClient:
    """The confidence is the logistic of twice the judge's logit, and answers from 0.5 on."""
    relevance = service.assistant.relevances.default
    made = relevance.calibration
    calibration = made.model_copy(
        update={
            "judge_bundle": trunk.judge_bundle,
            "judge_weight": 1.0,
            "weights": {**dict.fromkeys(made.weights, 0.0), **JUDGE_FIELDS},
            "intercept": 0.0,
            "threshold": 0.5,
            "suggest_from": 0.02,
        }
    )
    relevance.confidence = FixedConfidence(calibration)
    answer = await http.post(
        "/knowledge-bases/help-centre/documents",
        content=b"\n".join(map(orjson.dumps, ROWS)),
        headers={"content-type": "application/x-ndjson"},
    )
    assert answer.status_code == 200, answer.text
    return http


def judge(trunk: FakeTrunk, logits: dict[str, float], context: str = "") -> None:
    """Logits by the title that a passage begins with; by question too, where one is given."""

    def logit(question: str, passage: str) -> float:
        found = next((v for title, v in logits.items() if passage.startswith(title)), -9.0)
        return found if context in ("", question) else -9.0

    trunk.judge_logits = logit


async def said(http: httpx.AsyncClient, *turns: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": text} for text in turns]
    body = {"model": "support", "messages": messages}
    answer = await http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    message = answer.json()["choices"][0]["message"]
    return {**message["banyan"], "content": message["content"]}


async def test_a_follow_up_about_another_row_is_answered_with_that_row(
    judged: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    rows = ["Fish | Warmth", "--- | ---", "Betta male | 25", "Sterbai | 24"]
    table = {"id": "fish", "title": "Fish", "text": "\n".join(f"| {row} |" for row in rows)}
    put = await judged.post(
        "/knowledge-bases/help-centre/documents",
        content=orjson.dumps(table),
        headers={"content-type": "application/x-ndjson"},
    )
    assert put.status_code == 200, put.text
    judge(trunk, {"Fish": 3.0})

    first = await said(judged, "warmth for a male betta")
    second = await said(judged, "warmth for a male betta", "and for sterbai?")

    assert ["25" in first["content"], "24" in first["content"]] == [True, False]
    assert ["25" in second["content"], "24" in second["content"]] == [False, True]


async def test_the_judge_says_which_passage_answers(
    judged: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    judge(trunk, {"Cards": 3.0, "Fees": -1.0})
    trunk.calls.clear()

    answer = await said(judged, ASKED)

    assert (answer["kind"], answer["answered"], answer["calibrated"]) == ("answer", True, True)
    assert answer["citations"][0]["document_id"] == "cards"
    assert answer["confidence"] == pytest.approx(1 / (1 + 2.718281828**-6), abs=1e-4)
    assert answer["suggestions"] == []
    embed, call = (calls[-1] for calls in trunk.calls)
    assert (embed.task, call.task) == (trunk.embed_bundle, "support-judge")
    assert all(pair[0] == ASKED for pair in call.inputs)


async def test_below_the_threshold_three_pages_are_suggested_in_the_text_too(
    judged: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    judge(trunk, {"Fees": -0.5, "Cards": -1.6, "Abroad": -3.0})

    answer = await said(judged, ASKED)

    assert (answer["kind"], answer["answered"], answer["handoff"]) == ("suggestions", False, None)
    assert answer["citations"] == []
    offered = [each["document_id"] for each in answer["suggestions"]]
    assert offered == ["fees", "cards", "abroad"]
    assert answer["suggestions"][0]["passage"] == "A withdrawal costs two euros."
    assert answer["content"].startswith(load_wording().suggestions)
    assert "1. Fees: A withdrawal costs two euros." in answer["content"]


async def test_where_two_pages_are_near_it_asks_which_is_meant(
    judged: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    judge(trunk, {"Fees": -0.1, "Abroad": -0.2, "Cards": -3.0})

    answer = await said(judged, ASKED)

    assert (answer["kind"], answer["answered"], answer["handoff"]) == ("clarify", False, None)
    assert answer["content"].startswith("Do you mean “Fees” or “Abroad”?")
    assert [each["document_id"] for each in answer["suggestions"]][:2] == ["fees", "abroad"]


async def test_what_nothing_fits_is_handed_over_with_suggestions(
    judged: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    judge(trunk, {})

    answer = await said(judged, "who won the race")

    assert (answer["kind"], answer["handoff"]) == ("handoff", {"reason": "low_confidence"})
    assert len(answer["suggestions"]) == 3


async def test_a_follow_up_is_judged_in_its_context_and_alone(
    judged: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    judge(trunk, {"Abroad": 2.0}, context=f"about cash | {ASKED} | and abroad?")
    trunk.calls.clear()

    answer = await said(judged, "too far back", "about cash", ASKED, "and abroad?")

    assert answer["citations"][0]["document_id"] == "abroad"
    ((embed,), (call,)) = trunk.calls
    before = f"{ASKED} about cash too far back"
    assert list(embed.inputs) == [
        "and abroad?",
        f"{ASKED} and abroad?",
        f"about cash {ASKED} and abroad?",
        f"and abroad? {before}",
        before,
    ]
    assert {pair[0] for pair in call.inputs} == {
        f"about cash | {ASKED} | and abroad?",
        "and abroad?",
    }


async def test_a_change_of_subject_is_answered_by_the_last_message_alone(
    judged: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    judge(trunk, {"Cards": 2.0}, context="my card is lost")

    answer = await said(judged, ASKED, "my card is lost")

    assert (answer["kind"], answer["citations"][0]["document_id"]) == ("answer", "cards")


async def test_small_talk_in_between_is_no_context(
    judged: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    judge(trunk, {"Abroad": 2.0})
    trunk.calls.clear()

    await said(judged, ASKED, "thanks!", "and abroad?")

    (call,) = trunk.calls[-1]
    assert f"{ASKED} | and abroad?" in {pair[0] for pair in call.inputs}


async def test_without_the_judge_it_was_calibrated_with_nothing_is_answered(
    judged: httpx.AsyncClient, service: SupportService, trunk: FakeTrunk
) -> None:
    judge(trunk, {"Fees": 3.0})
    trunk.judge_bundle = "support-judge@000000000002"
    other = await said(judged, ASKED)
    trunk.judge_logits = None
    missing = await said(judged, ASKED)
    report = (await judged.get("/readyz")).json()
    service.assistant.relevances.default.judge = None
    unwanted = await said(judged, ASKED)

    assert (other["kind"], other["calibrated"]) == ("suggestions", False)
    assert (missing["kind"], missing["calibrated"]) == ("suggestions", False)
    assert report["ready"]
    assert "no task 'support-judge'" in report["checks"]["judge"]
    assert (unwanted["kind"], unwanted["calibrated"]) == ("answer", False)


async def test_the_two_hops_share_one_deadline(
    judged: httpx.AsyncClient, service: SupportService, trunk: FakeTrunk
) -> None:
    judge(trunk, {"Fees": 3.0})
    service.assistant.timeout_s = 1e-9

    body = {"model": "support", "messages": [{"role": "user", "content": ASKED}]}
    answer = await judged.post("/v1/chat/completions", json=body)

    assert answer.status_code == 504
    assert "encode_timeout_s" in answer.text


async def test_a_search_takes_messages_and_is_judged(
    judged: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    judge(trunk, {"Cards": 3.0, "Abroad": 1.0})
    messages = [{"role": "user", "content": text} for text in (ASKED, "and abroad?")]

    found = (await judged.post("/search", json={"messages": messages})).json()["hits"]
    one = (await judged.post("/search", json={"query": ASKED, "top_k": 1})).json()["hits"]

    assert [hit["document_id"] for hit in found][:2] == ["cards", "abroad"]
    assert sorted({hit["document_id"] for hit in found[:4]}) == sorted(r["id"] for r in ROWS)
    scores = [hit["score"] for hit in found]
    assert scores == sorted(scores, reverse=True)
    assert found[0]["judge"] == pytest.approx(3.0, abs=1e-3)
    assert [hit["document_id"] for hit in one] == ["cards"]


async def test_no_call_reads_a_passage_twice_for_one_reading(
    judged: httpx.AsyncClient, service: SupportService, trunk: FakeTrunk
) -> None:
    judge(trunk, {"Fees": 3.0})
    trunk.calls.clear()
    base = await service.knowledge_bases.get("default", "help-centre")

    await service.assistant.answer(base, Turn((ASKED, "and abroad?")))

    calls: list[TaskCall] = [call for calls in trunk.calls for call in calls]
    pairs = list(calls[-1].inputs)
    assert len(pairs) == len(set(pairs)) > 3
