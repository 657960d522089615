"""Trends, alerts, server-sent events, the stream's state and readiness over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.sentiment.alerts import events as events_module
from services.sentiment.alerts.alertmanager import webhook_payload
from services.sentiment.alerts.events import AlertFeed
from services.sentiment.config import SentimentSettings
from services.sentiment.reading import NewsReader
from services.sentiment.routes import routes
from services.sentiment.service import SentimentService, open_database
from services.sentiment.store import NewsStore
from shared.delivery.relay import RelayState
from shared.errors import DependencyError, OverloadedError
from shared.http.keys import KeyStore, Role
from shared.storage.database import Database
from shared.streaming.consumer import TopicLog
from shared.streaming.health import StreamState
from tests.harness.sentiment.fakes import FakeProbe, FakeTrunk
from tests.harness.sentiment.made import START_S, dead, news, progress, surge

WAIT_S = 60.0


def store_surge(store: NewsStore, tenant: str = "default") -> None:
    items = [
        news(0, n, time_s, entities, tenant=tenant) for n, (time_s, entities) in enumerate(surge())
    ]
    for start in range(0, len(items), 100):
        part = items[start : start + 100]
        store.store(part, progress({0: start + len(part)}))


async def get(http: httpx.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    answer = await http.get(path, params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_trends_are_windows_of_event_time(http: httpx.AsyncClient, store: NewsStore) -> None:
    store.store(
        [
            news(0, 0, 0, {"Acme": "negative"}),
            news(0, 1, 299, {"Acme": "positive"}, label="positive"),
            news(0, 2, 700, {"Acme": "negative", "Bolt": "neutral"}),
            news(0, 3, 1500),
        ],
        progress({0: 4}),
    )

    start = "2024-01-08T09:00:00+01:00"
    body = await get(
        http, "/trends", entity="Acme", window="5m", **{"from": start, "to": START_S + 900}
    )

    assert (body["entity"], body["window"]) == ("Acme", "5m")
    assert [
        (p["start"] - START_S, p["negative"], p["positive"], p["total"], p["share"], p["score"])
        for p in body["points"]
    ] == [(0, 1, 1, 2, 0.5, 0.0), (300, 0, 0, 0, None, None), (600, 1, 0, 1, 1.0, -1.0)]
    assert body["watermark"] == START_S + 1500
    assert [p["final"] for p in body["points"]] == [True, True, True]
    later = await get(http, "/trends", entity="Acme", window="1h")
    assert later["points"][-1]["total"] == 3
    assert later["points"][-1]["final"] is False
    overall = await get(http, "/trends", window="1d")
    assert overall["points"][-1]["total"] == 4
    listed = await get(http, "/entities")
    assert [(e["entity"], e["total"]) for e in listed["entities"]] == [("Acme", 3), ("Bolt", 1)]


@pytest.mark.parametrize(
    "params",
    [
        {"window": "2m"},
        {"from": "yesterday"},
        {"from": "2024-01-08T09:00:00"},
        {"from": "nan"},
        {"from": "1e999"},
        {"from": "-1"},
        {"from": "200", "to": "100"},
        {"from": "0", "to": "1000000000", "window": "5m"},
        {"entity": "x" * 201},
        {"entity": " "},
    ],
)
async def test_trends_that_cannot_be_given_are_refused(
    http: httpx.AsyncClient, params: dict[str, str]
) -> None:
    answer = await http.get("/trends", params=params)

    assert answer.status_code == 422, answer.text


async def test_trends_without_any_news_are_empty_windows(http: httpx.AsyncClient) -> None:
    body = await get(http, "/trends", entity="Nobody")

    assert body["watermark"] is None
    assert {point["total"] for point in body["points"]} == {0}


async def test_alerts_are_listed_and_read(http: httpx.AsyncClient, store: NewsStore) -> None:
    store_surge(store)

    body = await get(http, "/alerts", entity="Acme")

    (alert,) = body["alerts"]
    assert alert["state"] == "resolved"
    assert alert["figures"]["negative"] >= 6
    assert alert["drivers"][0]["text"].startswith("text ")
    assert await get(http, f"/alerts/{alert['uid']}") == alert
    assert (await get(http, "/alerts", state="firing"))["alerts"] == []
    assert (await get(http, "/alerts", limit=1))["alerts"]
    assert (await http.get("/alerts", params={"state": "odd"})).status_code == 422
    assert (await http.get("/alerts/" + "0" * 32)).status_code == 404
    assert (await http.get("/alerts/none")).status_code == 422


async def test_the_payload_is_alertmanagers(settings: SentimentSettings, store: NewsStore) -> None:
    store_surge(store)
    database = open_database(settings)
    alert = NewsReader(database).alerts("default", state=None, entity="Acme", limit=1)[0]
    database.close()

    payload = orjson.loads(webhook_payload(alert))

    assert (payload["version"], payload["status"], payload["receiver"]) == (
        "4",
        "resolved",
        "webhook",
    )
    (one,) = payload["alerts"]
    assert one["labels"]["entity"] == "Acme"
    assert one["startsAt"].endswith("Z")
    assert one["endsAt"] > one["startsAt"]
    assert one["fingerprint"] == alert.fingerprint
    assert "negative" in one["annotations"]["description"]


async def test_a_tenant_sees_its_own(
    settings: SentimentSettings, service: SentimentService, store: NewsStore
) -> None:
    store_surge(store, "acme")
    mine = settings.keys.create("mine", "acme", Role.USER)
    theirs = settings.keys.create("theirs", "other", Role.USER)
    transport = httpx.ASGITransport(routes(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://sentiment") as http:
        assert (await http.get("/alerts")).status_code == 401
        seen = {}
        for name, key in (("mine", mine), ("theirs", theirs)):
            http.headers["authorization"] = f"Bearer {key}"
            alerts = (await get(http, "/alerts"))["alerts"]
            trend = await get(http, "/trends", entity="Acme", window="1d", to=START_S + 86_400)
            seen[name] = (len(alerts), sum(point["total"] for point in trend["points"]))

    assert seen["mine"][0] > 0
    assert seen["mine"][1] > 0
    assert seen["theirs"] == (0, 0)


async def next_event(events: AsyncIterator[bytes]) -> dict[str, Any]:
    """The next event, past comments."""
    async with asyncio.timeout(WAIT_S):
        async for block in events:
            if block.startswith(b"id:"):
                lines = dict(line.split(": ", 1) for line in block.decode().strip().split("\n"))
                return lines | {"payload": orjson.loads(lines["data"])}
    raise AssertionError("the stream ended")


async def test_changes_are_told_as_they_come_whoever_writes_them(
    service: SentimentService, store: NewsStore
) -> None:
    async with aclosing(await service.feed.listen("default", None)) as events:
        assert await anext(events) == b"retry: 2000\n\n"
        async with asyncio.timeout(WAIT_S):
            assert (await anext(events)).startswith(b":")
        await asyncio.to_thread(store_surge, store)
        found = [await next_event(events)]
        while found[-1]["event"] != "resolved":
            found.append(await next_event(events))

    assert [one["event"] for one in found if one["payload"]["entity"] == "Acme"][:2] == [
        "pending",
        "firing",
    ]
    numbers = [int(one["id"]) for one in found]
    assert numbers == sorted(set(numbers))


async def test_a_stream_resumes_after_its_last_event(
    service: SentimentService, store: NewsStore
) -> None:
    await asyncio.to_thread(store_surge, store)
    async with aclosing(await service.feed.listen("default", 0)) as events:
        first = await next_event(events)
        second = await next_event(events)
    async with aclosing(await service.feed.listen("default", int(first["id"]))) as events:
        assert await next_event(events) == second
    async with aclosing(await service.feed.listen("default", 10**9)) as events:
        assert await next_event(events) == first


async def test_a_listener_that_falls_behind_reads_on_from_the_database(
    settings: SentimentSettings, store: NewsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "_KEPT", 2)
    monkeypatch.setattr(events_module, "_PAGE", 2)
    database = open_database(settings)
    feed = AlertFeed(NewsReader(database), poll_s=0.01, comment_s=0.1, max_listeners=2)
    async with aclosing(await feed.listen("default", None)) as events:
        await anext(events)
        await asyncio.to_thread(store_surge, store)
        last = await asyncio.to_thread(NewsReader(database).last_event)
        async with aclosing(await feed.listen("default", last - 1)) as quick:
            assert int((await next_event(quick))["id"]) == last
        seen = [int((await next_event(events))["id"]) for _ in range(last)]
    await feed.close()
    database.close()

    assert last > 2
    assert seen == list(range(1, last + 1))


async def test_listeners_are_bounded_and_leave_their_places(service: SentimentService) -> None:
    streams = [await service.feed.listen("default", None) for _ in range(2)]
    for stream in streams:
        await anext(stream)
    with pytest.raises(OverloadedError, match="limit 2"):
        await service.feed.listen("default", None)

    for stream in streams:
        await stream.aclose()

    again = await service.feed.listen("default", None)
    await anext(again)
    await again.aclose()


async def test_a_database_that_is_away_ends_no_stream(
    service: SentimentService, store: NewsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with aclosing(await service.feed.listen("default", None)) as events:
        await anext(events)

        def fail(*_: object) -> None:
            raise DependencyError("away")

        with monkeypatch.context() as patched:
            patched.setattr(NewsReader, "events", fail)
            async with asyncio.timeout(WAIT_S):
                assert (await anext(events)).startswith(b":")
        await asyncio.to_thread(store_surge, store)
        assert (await next_event(events))["event"] == "pending"


async def test_the_streams_state_comes_from_the_database_and_its_host(
    http: httpx.AsyncClient, probe: FakeProbe, store: NewsStore
) -> None:
    empty = await get(http, "/stream")
    assert (empty["topic_id"], empty["partitions"], empty["scored"]) == (None, [], 0)
    store.store([news(0, 0, 0), news(0, 1, 10, news_id="0-0", text="other")], progress({0: 5}))
    topic_id = progress({}).topic_id
    log = TopicLog(topic_id, {0: 0, 1: 4}, {0: 7, 1: 9})
    probe.state = StreamState("running", None, 0.0, 0.0, log)

    body = await get(http, "/stream")

    assert body["partitions"] == [
        {"partition": 0, "committed": 2, "end": 7, "lag": 5, "idle": False},
        {"partition": 1, "committed": 4, "end": 9, "lag": 5, "idle": False},
    ]
    assert (body["scored"], body["conflicts"], body["duplicates"]) == (1, 1, 0)
    assert (body["phase"], body["rate"], body["bootstrap"]) == ("running", 12.5, "127.0.0.1:9092")
    probe.is_away = True
    away = await get(http, "/stream")
    assert (away["phase"], away["rate"], away["scored"]) == ("unreachable", None, 1)
    assert [(one["committed"], one["lag"]) for one in away["partitions"]] == [(2, None)]


async def test_a_tenant_sees_its_own_counts_of_the_stream(
    http: httpx.AsyncClient, probe: FakeProbe, store: NewsStore, settings: SentimentSettings
) -> None:
    ours = [
        news(0, 0, 0, tenant="acme"),
        news(0, 1, 0, tenant="acme", news_id="0-0", text="text 0-0"),
        news(0, 2, 10_000, tenant="acme", news_id="0-0", text="other"),
        news(0, 3, 0, tenant="acme"),
    ]
    theirs = [news(1, n, n) for n in range(5)]
    store.store([*ours, *theirs, dead(0, 4, b"{")], progress({0: 5, 1: 5}))
    log = TopicLog(progress({}).topic_id, {0: 0}, {0: 9})
    probe.state = StreamState("running", "kafka-7:9092 is slow", 0.0, 0.0, log)
    keys = KeyStore(settings.state_dir / "keys.json")

    # All at once: a server looks for new ones every second.
    headers = {
        (tenant, role): {"authorization": f"Bearer {keys.create('k', tenant, role)}"}
        for tenant in ("acme", "default", "new")
        for role in Role
    }
    operator = headers.pop(("default", Role.ADMIN))
    counts = ("scored", "duplicates", "conflicts", "late")
    expected = {"acme": (2, 1, 1, 1), "default": (5, 0, 0, 0), "new": (0, 0, 0, 0)}
    for (tenant, _), key in headers.items():
        answer = (await http.get("/stream", headers=key)).json()
        assert tuple(answer[name] for name in counts) == expected[tenant]
        hidden = ("topic_id", "bootstrap", "reason", "partitions", "dead_letters", "rate")
        assert [answer[name] for name in hidden] == [None] * 6
        assert answer["phase"] == "running"
        assert (await http.get("/stream/metrics", headers=key)).status_code == 403
    answer = (await http.get("/stream", headers=operator)).json()
    assert tuple(answer[name] for name in counts) == (7, 1, 1, 1)
    assert (answer["dead_letters"], answer["bootstrap"]) == (1, "127.0.0.1:9092")
    assert (await http.get("/stream/metrics", headers=operator)).status_code == 200


async def test_lag_is_told_before_anything_is_stored_and_for_a_topic_made_anew(
    http: httpx.AsyncClient, probe: FakeProbe, store: NewsStore
) -> None:
    log = TopicLog("another", {0: 0}, {0: 3})
    probe.state = StreamState("waiting", "prepare: the trunk is away", 0.0, 0.0, log)

    for _ in range(2):
        body = await get(http, "/stream")
        assert (body["topic_id"], body["scored"]) == ("another", 0)
        assert [one["lag"] for one in body["partitions"]] == [3]
        store.store([news(0, 0, 0)], progress({0: 1}))


async def test_readiness_names_what_is_missing(
    http: httpx.AsyncClient, probe: FakeProbe, trunk: FakeTrunk
) -> None:
    ready = await get(http, "/readyz")
    assert list(ready["checks"]) == ["database", "trunk", "tasks", "broker", "stream", "webhook"]

    trunk.missing = {"finance-entities"}
    probe.state = StreamState("waiting", "poll: no broker answers", 0.0, 0.0)
    probe.sinks = {"webhook": RelayState("refused", 1.0, waiting=3)}
    answer = await http.get("/readyz")

    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert "finance-entities" in checks["tasks"]
    assert checks["trunk"] == "ready"
    assert checks["broker"] == "poll: no broker answers"
    assert checks["stream"].startswith("waiting")
    assert checks["webhook"] == "refused; 3 wait"
    probe.is_away = True
    assert "no answer" in (await http.get("/readyz")).json()["checks"]["stream"]
    assert (await http.get("/healthz")).status_code == 200
    assert (await http.get("/stream/metrics")).status_code == 503


async def test_every_route_is_described(http: httpx.AsyncClient) -> None:
    document = await get(http, "/openapi.json")
    described = document["components"]["schemas"]["StreamAnswer"]["description"]
    assert "what is of all tenants" in described
    assert "null for it" in described
    paths = document["paths"]

    assert {"/analyze", "/trends", "/alerts", "/alerts/{uid}", "/alerts/stream", "/stream"} <= set(
        paths
    )


async def test_the_database_of_another_service_is_not_touched(tmp_path: Path) -> None:
    settings = SentimentSettings(state_dir=tmp_path)
    open_database(settings).close()

    assert [file.name for file in tmp_path.glob("*.db")] == ["sentiment.db"]
    assert isinstance(Database(settings.resolved_database_url, schema="sentiment"), Database)
