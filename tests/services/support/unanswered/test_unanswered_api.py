"""Questions that were not answered are listed for admins, and deleted when they have an answer."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.support.config import SupportSettings
from services.support.routes import routes
from services.support.service import SupportService, open_service
from shared.http.keys import KeyStore, Role
from tests.harness.support.fakes import FakeTrunk
from tests.harness.waiting import until

UNANSWERED = "/unanswered"


@pytest.fixture
async def started(service: SupportService) -> SupportService:
    service.start()
    return service


async def ask(
    http: httpx.AsyncClient, *questions: str, store: bool | None = None
) -> dict[str, Any]:
    messages = [{"role": "user", "content": question} for question in questions]
    body = {"model": "support:shop", "messages": messages, "store": store}
    answer = await http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["choices"][0]["message"]["banyan"]
    return found


async def listed(http: httpx.AsyncClient, **query: str | int) -> list[dict[str, Any]]:
    answer = await http.get(UNANSWERED, params=query)
    assert answer.status_code == 200, answer.text
    questions: list[dict[str, Any]] = answer.json()["questions"]
    return questions


async def written(service: SupportService, count: int) -> None:
    await until(
        lambda: len(service.unanswered.page("default", None, "", 100)) == count,
        f"{count} questions are written",
    )


async def test_a_question_without_an_answer_is_kept(
    http: httpx.AsyncClient, started: SupportService
) -> None:
    await http.put("/knowledge-bases/shop")
    said = await ask(http, "hello", "How late are you open?", "And on Sundays?")

    await written(started, 1)

    (kept,) = await listed(http, knowledge_base="shop")
    assert kept["question"] == "And on Sundays?"
    assert kept["earlier"] == ["How late are you open?"]
    assert (kept["kind"], kept["reason"]) == ("handoff", said["handoff"]["reason"])
    assert (kept["times"], kept["knowledge_base"]) == (1, "shop")
    assert kept["first_asked_at"] == kept["asked_at"] > 1_600_000_000


async def test_small_talk_and_who_asks_for_a_person_are_not_kept(
    http: httpx.AsyncClient, started: SupportService
) -> None:
    await http.put("/knowledge-bases/shop")

    await ask(http, "hello")
    await ask(http, "I want to talk to a person")
    await ask(http, "Where is my parcel?")

    await written(started, 1)
    assert [one["question"] for one in await listed(http)] == ["Where is my parcel?"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_may_say_that_its_question_is_not_kept(
    http: httpx.AsyncClient, started: SupportService, stream: bool
) -> None:
    await http.put("/knowledge-bases/shop")
    messages = [{"role": "user", "content": "Asked by a test suite?"}]
    body = {"model": "support:shop", "messages": messages, "store": False, "stream": stream}

    assert (await http.post("/v1/chat/completions", json=body)).status_code == 200
    await ask(http, "Where is my parcel?", store=True)

    await written(started, 1)
    assert [one["question"] for one in await listed(http)] == ["Where is my parcel?"]


async def test_asking_for_evidence_keeps_no_question(
    http: httpx.AsyncClient, started: SupportService
) -> None:
    await http.put("/knowledge-bases/shop")
    messages = [{"role": "user", "content": "Asked by a calibration?"}]
    body = {"knowledge_base": "shop", "messages": messages}

    assert (await http.post("/evidence", json=body)).status_code == 200
    await ask(http, "Where is my parcel?")

    await written(started, 1)
    assert [one["question"] for one in await listed(http)] == ["Where is my parcel?"]


async def test_messages_of_signs_alone_are_not_kept(
    http: httpx.AsyncClient, started: SupportService
) -> None:
    await http.put("/knowledge-bases/shop")

    for signs in ("???", "\U0001f4e6\u2753", "\u2026"):
        await ask(http, signs)
    await ask(http, "Where is my parcel?", "???")
    await ask(http, "Where is my parcel?")

    await written(started, 1)
    (kept,) = await listed(http)
    assert (kept["question"], kept["times"]) == ("Where is my parcel?", 1)


async def test_pages_follow_each_other(http: httpx.AsyncClient, started: SupportService) -> None:
    await http.put("/knowledge-bases/shop")
    for number in range(3):
        await ask(http, f"Question number {number}?")
    await ask(http, "question number 1")
    await until(
        lambda: sum(q.times for q in started.unanswered.page("default", None, "", 9)) == 4,
        "all are written",
    )

    first = (await http.get(UNANSWERED, params={"limit": 2})).json()
    second = (await http.get(UNANSWERED, params={"limit": 2, "after": first["next"]})).json()

    assert [one["question"] for one in first["questions"]] == [
        "question number 1",
        "Question number 2?",
    ]
    assert [one["question"] for one in second["questions"]] == ["Question number 0?"]
    assert second["next"] is None
    refused = await http.get(UNANSWERED, params={"after": "x"})
    assert refused.status_code == 422
    assert "after" in refused.json()["detail"]


async def test_a_question_that_has_an_answer_now_is_deleted(
    http: httpx.AsyncClient, started: SupportService
) -> None:
    await http.put("/knowledge-bases/shop")
    await ask(http, "Where is my parcel?")
    await written(started, 1)
    (kept,) = await listed(http)

    assert (await http.delete(f"{UNANSWERED}/{kept['id']}")).status_code == 204

    assert await listed(http) == []
    assert (await http.delete(f"{UNANSWERED}/{kept['id']}")).status_code == 404


async def test_what_waits_is_written_before_the_end(
    settings: SupportSettings, trunk: FakeTrunk
) -> None:
    service = open_service(settings, trunk)
    service.start()
    transport = httpx.ASGITransport(routes(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://support") as http:
        await http.put("/knowledge-bases/shop")
        await ask(http, "Where is my parcel?")
    await service.close()

    again = open_service(settings, trunk)
    found = again.unanswered.page("default", "shop", "", 10)
    await again.close()
    assert [one.question for one in found] == ["Where is my parcel?"]


async def test_a_team_may_keep_none(tmp_path: Path, trunk: FakeTrunk) -> None:
    service = open_service(SupportSettings(state_dir=tmp_path, keep_unanswered=False), trunk)
    service.start()
    transport = httpx.ASGITransport(routes(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://support") as http:
        await http.put("/knowledge-bases/shop")
        await ask(http, "Where is my parcel?")
    await service.close()

    again = open_service(SupportSettings(state_dir=tmp_path), trunk)
    assert again.unanswered.page("default", None, "", 10) == []
    await again.close()


@pytest.fixture
async def keyed(tmp_path: Path, trunk: FakeTrunk) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A platform with keys, and a key of the role user."""
    key = KeyStore(tmp_path / "keys.json").create("web", "acme", Role.USER)
    service = open_service(SupportSettings(state_dir=tmp_path, require_keys=True), trunk)
    transport = httpx.ASGITransport(routes(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://support") as http:
        yield http, key
    await service.close()


async def test_customers_words_are_for_admins(keyed: tuple[httpx.AsyncClient, str]) -> None:
    http, key = keyed
    headers = {"authorization": f"Bearer {key}"}

    assert (await http.get(UNANSWERED, headers=headers)).status_code == 403
    assert (await http.delete(f"{UNANSWERED}/a", headers=headers)).status_code == 403
