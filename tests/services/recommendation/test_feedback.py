"""`POST /feedback`: what is taken, what is refused, and that rankings know of it at once."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from services.recommendation.config import RecommendationSettings
from services.recommendation.service import RecommendationService
from shared.errors import DependencyError
from tests.harness.recommendation.application import client, open_service, until_ready
from tests.harness.recommendation.fakes import FakeProbe, FakeTrunk
from tests.harness.recommendation.made import START_MS
from tests.harness.waiting import until

LINES = {"content-type": "application/x-ndjson"}


def item(name: str, **fields: object) -> dict[str, Any]:
    pairs = [{"name": key, "value": value} for key, value in fields.items()]
    return {
        "event": "item",
        "id": f"item-{name}",
        "timestamp": START_MS,
        "item": name,
        "fields": pairs,
    }


def click(user: str, name: str, **more: object) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "event": "interaction",
        "id": f"click-{user}-{name}",
        "timestamp": START_MS,
        "type": "click",
        "user": user,
        "session": f"s-{user}",
        "item": name,
    }
    return usual | more


async def send(http: httpx.AsyncClient, body: object) -> dict[str, Any]:
    answer = await http.post("/feedback", json=body)
    assert answer.status_code == 200, answer.text
    counts: dict[str, Any] = answer.json()
    return counts


async def refused(http: httpx.AsyncClient, body: object) -> list[dict[str, Any]]:
    answer = await http.post("/feedback", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    errors: list[dict[str, Any]] = answer.json()["errors"]
    return errors


async def test_one_event_a_list_and_lines_are_the_same(http: httpx.AsyncClient) -> None:
    events = [item("lamp", title="Lamp"), click("ann", "lamp")]

    assert (await send(http, events[0]))["stored"] == 1
    assert await send(http, events) == {
        "stored": 1,
        "unchanged": 0,
        "older": 0,
        "repeated": 1,
        "conflicts": 0,
        "conflicting": [],
    }
    content = b"\xef\xbb\xbf" + b"\n\n".join(map(orjson.dumps, events)) + b"\r\n"
    answer = await http.post("/feedback", content=content, headers=LINES)
    assert answer.json()["repeated"] == 2


async def test_no_event_at_all_is_no_error(http: httpx.AsyncClient) -> None:
    assert (await send(http, []))["stored"] == 0
    answer = await http.post("/feedback", content=b"\n", headers=LINES)
    assert (answer.status_code, answer.json()["stored"]) == (200, 0)


async def test_an_id_with_another_content_is_named(http: httpx.AsyncClient) -> None:
    await send(http, click("ann", "lamp"))

    counts = await send(http, [click("ann", "lamp", type="purchase"), click("bob", "lamp")])

    assert counts == {
        "stored": 1,
        "unchanged": 0,
        "older": 0,
        "repeated": 0,
        "conflicts": 1,
        "conflicting": ["click-ann-lamp"],
    }


@pytest.mark.parametrize(
    "stamp",
    [
        str(START_MS),
        START_MS // 1000,
        str(START_MS // 1000),
        START_MS / 1000,
        float(START_MS),
        "2024-01-08T08:00:00Z",
        "2024-01-08T09:00:00.000+01:00",
    ],
)
async def test_every_spelling_of_a_time_is_the_same_event(
    http: httpx.AsyncClient, stamp: object
) -> None:
    """Metarank's clients quote milliseconds, or write ISO 8601; others send seconds."""
    await send(http, click("ann", "lamp", timestamp=stamp))

    assert (await send(http, click("ann", "lamp")))["repeated"] == 1


@pytest.mark.parametrize(
    ("stamp", "said"),
    [
        (0, "would be 1970-01-01"),
        (1_767_600, "would be 1970-01-21, before 1973-03-03: send Unix milliseconds"),
        ("1767600", "would be 1970-01-21"),
        (START_MS * 1000, "lies after 2199"),
        ("2026-01-05T08:00:00", "has no time zone"),
        ("1970-01-05T08:00:00Z", "before 1973-03-03"),
        ("9" * 4000, "is not a time"),
    ],
)
async def test_no_time_is_read_as_january_1970(
    http: httpx.AsyncClient, stamp: object, said: str
) -> None:
    (fault,) = await refused(http, click("ann", "lamp", timestamp=stamp))
    answer = await http.post("/rank/default", json={"timestamp": stamp})

    assert said in fault["message"]
    assert answer.status_code == 422
    assert said in answer.json()["errors"][0]["message"]


async def test_a_ranking_has_fields_by_item_as_metarank_s_events_do(
    http: httpx.AsyncClient,
) -> None:
    relevancy = [{"name": "relevancy", "value": 2.0}]
    event = {
        "event": "ranking",
        "id": "81f46c34-a4bb-469c-8708-f8127cd67d27",
        "timestamp": "1599391467000",
        "user": "user1",
        "session": "session1",
        "fields": [{"name": "query", "value": "cat"}, {"name": "source", "value": "search"}],
        "items": [{"id": "item3", "fields": relevancy}, {"id": "item1", "relevancy": 1.0}],
    }

    assert (await send(http, event))["stored"] == 1
    answer = await http.post("/rank/default", json={"items": event["items"]})
    assert answer.status_code == 200, answer.text
    (fault,) = await refused(http, event | {"items": [{"id": "x", "fields": relevancy * 2}]})
    assert "stands twice" in fault["message"]


async def test_what_an_item_event_leaves_out_stays_and_null_removes_it(
    http: httpx.AsyncClient,
) -> None:
    async def tell(at_ms: int, **fields: object) -> dict[str, Any]:
        event = item("lamp", **fields) | {"id": f"at-{at_ms}", "timestamp": START_MS + at_ms}
        return await send(http, event)

    async def told() -> tuple[str, float | None]:
        asked = {"items": [{"id": "lamp"}], "explain": True}
        (one,) = (await http.post("/rank/default", json=asked)).json()["items"]
        return one["title"], one["features"]["price"]

    await tell(10, title="Lamp", category="light", price=3.0)
    priced = await told()
    await tell(20, price=30.0)
    assert (await told())[0] == "Lamp"
    assert (await told())[1] != priced[1]
    assert (await tell(30, title="Lamp", price=30.0))["unchanged"] == 1
    assert (await tell(15, title="Old lamp"))["older"] == 1
    assert (await told())[0] == "Lamp"
    await tell(40, title=None)
    assert (await told())[0] == ""
    assert (await tell(35, title="Late lamp"))["older"] == 1
    assert (await told())[0] == ""


async def test_what_cannot_be_had_is_ranked_last(http: httpx.AsyncClient) -> None:
    await send(http, [item("gone", title="Gone", available=False), item("lamp", title="Lamp")])
    await send(http, [click(f"u{n}", "gone") for n in range(9)])
    given = {"items": [{"id": "gone"}, {"id": "unknown"}, {"id": "lamp"}]}

    items = (await http.post("/rank/default", json=given)).json()["items"]
    first = (await http.post("/rank/default", json=given | {"count": 1})).json()["items"]

    assert [one["item"] for one in items] == ["lamp", "unknown", "gone"]
    assert [one["score"] for one in items] == sorted([o["score"] for o in items], reverse=True)
    assert [one["item"] for one in first] == ["lamp"]
    alone = (await http.post("/rank/default", json={"items": [{"id": "gone"}]})).json()["items"]
    assert [one["item"] for one in alone] == ["gone"]


@pytest.mark.parametrize(
    ("change", "location"),
    [
        ({"timestamp": -1}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
        ({"timestamp": True}, "timestamp"),
        ({"timestamp": 1.5}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 10**30}, "timestamp"),
        ({"id": ""}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"id": "a\0b"}, "id"),
        ({"id": "x" * 201}, "id"),
        ({"id": 7}, "id"),
        ({"item": None}, "item"),
        ({"type": ""}, "type"),
        ({"usr": "ann"}, "usr"),
        ({"fields": [{"name": "a", "value": None}]}, "fields.0.value"),
        ({"fields": [{"name": "a", "value": {}}]}, "fields.0.value"),
        ({"fields": [{"name": "a", "value": ["x", 1]}]}, "fields.0.value"),
        ({"fields": [{"name": "a", "value": 1e300}]}, "fields.0.value"),
        ({"fields": [{"name": "a", "value": "x\0"}]}, "fields.0.value"),
        ({"fields": [{"name": "a", "value": 1}] * 2}, "fields"),
        ({"fields": {}}, "fields"),
    ],
)
async def test_a_bad_row_is_named_and_nothing_is_stored(
    http: httpx.AsyncClient, change: dict[str, object], location: str
) -> None:
    good = click("ann", "lamp")
    bad = good | {"id": "other"} | change

    (fault,) = await refused(http, [good, bad])

    assert fault["location"] == f"1.{location}"
    assert (await send(http, good))["stored"] == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"title": 3},
        {"price": "3"},
        {"price": -1},
        {"available": "yes"},
        {"category": [1.0]},
        {"tags": True},
    ],
)
async def test_a_known_field_of_another_type_is_refused(
    http: httpx.AsyncClient, fields: dict[str, object]
) -> None:
    (fault,) = await refused(http, [item("lamp", **fields)])

    assert fault["location"] == "0.fields"
    assert next(iter(fields)) in fault["message"]


async def test_a_bad_line_is_named_by_its_number(http: httpx.AsyncClient) -> None:
    lines = [orjson.dumps(click("ann", "lamp")), b"{", b"", b'{"event": "other"}', b"[1]"]

    answer = await http.post("/feedback", content=b"\n".join(lines), headers=LINES)

    assert answer.status_code == 422
    places = [fault["location"] for fault in answer.json()["errors"]]
    assert places == ["line 2", "line 4.event", "line 5"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"[" * 65 + b"]" * 65, "nested deeper than 64 levels"),
        (b"[" + b"0," * 1_000_000 + b"0]", "more than 1000000 values"),
    ],
)
async def test_a_line_that_is_too_deep_or_holds_too_many_values_is_named(
    http: httpx.AsyncClient, line: bytes, said: str
) -> None:
    content = orjson.dumps(click("ann", "lamp")) + b"\n" + line

    answer = await http.post("/feedback", content=content, headers=LINES)

    (fault,) = answer.json()["errors"]
    assert (answer.status_code, fault["location"]) == (422, "line 2")
    assert said in fault["message"]


async def test_an_event_of_the_future_is_refused(http: httpx.AsyncClient) -> None:
    (fault,) = await refused(http, [click("ann", "lamp", timestamp=4_000_000_000_000)])

    assert fault["location"] == "0.timestamp"
    assert "ahead of the clock" in fault["message"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/x-ndjson", 422),
        (b"", "application/json", 422),
        (b"a,b", "text/csv", 415),
        (b"[" * 100_000, "application/json", 400),
        (b"3", "application/json", 422),
        (b'"x"', "application/json", 422),
    ],
)
async def test_what_is_no_list_of_events_is_refused(
    http: httpx.AsyncClient, content: bytes, kind: str, status: int
) -> None:
    answer = await http.post("/feedback", content=content, headers={"content-type": kind})

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_too_many_events_are_refused_before_they_are_read(
    http: httpx.AsyncClient, settings: RecommendationSettings
) -> None:
    answer = await http.post("/feedback", content=b"x\n" * 10_001, headers=LINES)
    assert answer.status_code == 422
    assert "at most 10000" in answer.json()["detail"]

    answer = await http.post("/feedback", json=[1] * 10_001)
    assert answer.status_code == 422
    assert "at most 10000" in answer.json()["detail"]


async def test_a_text_of_100_kb_is_taken_and_its_beginning_embedded(
    http: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    await send(http, item("tome", title="Tome", text="word " * 20_480))
    await send(http, item("bare"))

    answer = await http.post("/rank/default", json={"items": [{"id": "tome"}, {"id": "bare"}]})

    assert answer.status_code == 200


async def test_requests_that_come_together_share_their_commits(
    http: httpx.AsyncClient, service: RecommendationService
) -> None:
    requests = [[click(f"u{n}", f"i{place}") for place in range(20)] for n in range(40)]

    answers = await asyncio.gather(*(send(http, events) for events in requests))

    assert {answer["stored"] for answer in answers} == {20}
    assert len(service.reader.after(0)) == 800


async def test_what_was_acknowledged_is_there_after_a_restart(
    settings: RecommendationSettings, trunk: FakeTrunk, probe: FakeProbe
) -> None:
    for turn in range(2):
        service = open_service(settings, trunk, probe)
        service.start()
        await until_ready(service)
        async with client(service) as http:
            answer = await http.get("/users/ann?exclude_seen=false")
            assert len(answer.json()["items"]) == turn
            await send(http, [item("lamp", title="Lamp"), click("ann", "lamp")])
        await service.close()


async def test_feedback_is_taken_while_the_trunk_is_away(
    settings: RecommendationSettings, trunk: FakeTrunk, probe: FakeProbe
) -> None:
    trunk.error = DependencyError("the trunk does not answer")
    service = open_service(settings, trunk, probe)
    service.start()
    async with client(service) as http:
        assert (await send(http, item("lamp", title="Lamp")))["stored"] == 1
        await until(lambda: "does not answer" in service._rankings_state(), "the trunk was asked")
        answer = await http.get("/popular")
        assert answer.status_code == 503
        assert "the trunk does not answer" in answer.json()["detail"]
        assert (await http.get("/readyz")).status_code == 503
        trunk.error = None
        await until_ready(service)
        answer = await http.post("/rank/default", json={})
        assert [one["item"] for one in answer.json()["items"]] == ["lamp"]
    await service.close()


async def test_nothing_is_taken_after_the_end(
    service: RecommendationService, http: httpx.AsyncClient
) -> None:
    await service.close()

    answer = await http.post("/feedback", json=click("ann", "lamp"))

    assert answer.status_code == 503
