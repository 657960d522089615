"""What clients get wrong, each with the answer that infra/README.md documents, in one process."""

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from services.cli.shop.answers import Ranking
from services.cli.shop.load import load_files
from services.cli.shop.rank import RankQuery, ask_ranking
from services.recommendation.config import RecommendationSettings
from services.recommendation.service import RecommendationService
from shared.errors import InputError
from tests.harness.recommendation.application import client, open_service, until_ready
from tests.harness.recommendation.fakes import FakeProbe, FakeTrunk
from tests.harness.recommendation.made import START_MS
from tests.services.recommendation.test_command_line import run
from tests.services.recommendation.test_feedback import click, item, refused, send
from tests.services.recommendation.test_rank import NOW_MS, SHOP, embedded, names, ranked, shop

LISTS = ["/users/ann", "/users/nobody", "/popular", "/items/oak-desk/similar"]


@pytest.mark.parametrize("query", ["", "?category=nowhere", "?exclude_seen=false", "?n=1000"])
async def test_a_user_who_is_not_known_is_ranked_for(http: httpx.AsyncClient, query: str) -> None:
    await send(http, shop())
    answer = await http.get(f"/users/nobody{query}")
    assert answer.status_code == 200, answer.text
    assert (len(answer.json()["items"]) == len(SHOP)) is ("category" not in query)
    assert len(await ranked(http, user="nobody", session="none", explain=True)) == len(SHOP)


async def test_an_item_that_is_not_known_comes_back_last_or_is_404(http: httpx.AsyncClient) -> None:
    await send(http, shop())
    given = [{"id": "nothing"}, {"id": "oak-desk"}]
    assert names(await ranked(http, items=given)) == ["oak-desk", "nothing"]
    assert names(await ranked(http, items=given[:1])) == ["nothing"]
    answer = await http.get("/items/nothing/similar")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "'nothing'" in answer.json()["detail"]
    fields = [{"name": "item", "value": "nothing"}, {"name": "category", "value": "nothing"}]
    assert len(await ranked(http, fields=fields)) == len(SHOP)


@pytest.mark.parametrize("name", ["owner/name", "https://example.org/a?b=c#d", "a/similar", "50 %"])
async def test_any_id_is_asked_for_by_its_address(http: httpx.AsyncClient, name: str) -> None:
    await send(http, [item(name), item("other"), click(name, "other")])
    path = quote(name, safe="")

    assert (await http.get(f"/items/{path}/similar")).status_code == 200
    assert (await http.get(f"/items/{path}2/similar")).status_code == 404
    seen = await http.get(f"/users/{path}", params={"exclude_seen": True})
    assert [one["item"] for one in seen.json()["items"]] == [name]


@pytest.mark.parametrize("name", [".", "..", "a/../b"])
async def test_an_id_that_clients_take_out_of_an_address_is_refused(
    http: httpx.AsyncClient, name: str
) -> None:
    shown = {"event": "ranking", "id": "r", "timestamp": START_MS, "items": [{"id": name}]}
    for event in (
        item(name),
        click("ann", name),
        click(name, "a"),
        click("ann", "a", id=name),
        click("ann", "a", session=name),
        click("ann", "a", ranking=name),
        shown,
    ):
        assert "choose another id" in (await refused(http, event))[0]["message"]
    path = name.replace(".", "%2e").replace("/", "%2F")
    for address in (f"/users/{path}", f"/items/{path}/similar"):
        answer = await http.get(address)
        assert answer.status_code == 422
        assert "choose another id" in answer.json()["detail"]


async def test_ten_thousand_candidates_are_taken_and_one_more_is_not(
    http: httpx.AsyncClient,
) -> None:
    await send(http, shop())
    given = [{"id": f"i{n}"} for n in range(10_000)]
    assert len(await ranked(http, items=given)) == 10_000
    answer = await http.post("/rank/default", json={"items": [*given, {"id": "more"}]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "items"


async def test_an_id_that_stands_twice_counts_once(http: httpx.AsyncClient) -> None:
    twice = click("ann", "lamp")
    other = twice | {"type": "purchase"}
    counts = await send(http, [item("lamp", title="Lamp"), twice, twice, other])
    assert (counts["stored"], counts["repeated"], counts["conflicting"]) == (2, 1, [twice["id"]])
    assert (await http.get("/popular")).json()["items"][0]["score"] <= 1.0
    given = [{"id": "lamp"}, {"id": "lamp"}]
    assert names(await ranked(http, items=given)) == ["lamp"]
    shown = {"event": "ranking", "id": "r1", "timestamp": NOW_MS, "items": given}
    assert (await send(http, shown))["stored"] == 1


@pytest.mark.parametrize("fields", [{}, {"title": ""}, {"title": " "}, {"text": "\n", "price": 3}])
async def test_an_item_without_text_is_ranked_by_behaviour(
    http: httpx.AsyncClient, fields: dict[str, object]
) -> None:
    await send(http, [*shop(), item("bare", **fields), click("bob", "bare", timestamp=NOW_MS)])
    assert names(await ranked(http, user="ann"))[0] == "bare"
    assert (await http.get("/items/bare/similar")).status_code == 200
    assert "bare" not in names(await ranked(http, user="bob"))


async def test_an_item_with_100_kb_of_text_is_embedded_by_its_beginning(
    http: httpx.AsyncClient, service: RecommendationService, trunk: FakeTrunk
) -> None:
    await send(http, item("tome", title="Tome", text="word " * 20_480))
    await send(http, click("ann", "tome"))
    answer = await http.get("/items/tome/similar")
    assert answer.status_code == 200
    assert all(len(text) <= 8_000 for text in trunk.texts)
    (fault,) = await refused(http, item("more", text="x" * 131_073))
    assert fault["location"] == "fields.0.value"
    assert "131072" in fault["message"]


async def test_a_negative_or_missing_timestamp_names_its_row(http: httpx.AsyncClient) -> None:
    good, negative, missing = (click(name, "lamp") for name in ("ann", "bob", "eve"))
    negative["timestamp"] = -1
    del missing["timestamp"]
    faults = await refused(http, [good, negative, missing])
    assert [fault["location"] for fault in faults] == ["1.timestamp", "2.timestamp"]
    assert (await send(http, good))["stored"] == 1
    answer = await http.post("/rank/default", json={"timestamp": -1})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "timestamp"
    assert (await http.post("/rank/default", json={})).status_code == 200


@pytest.fixture
async def another(tmp_path: Path, probe: FakeProbe) -> AsyncIterator[RecommendationService]:
    """A second application, with nothing in it."""
    settings = RecommendationSettings(state_dir=tmp_path / "other")
    service = open_service(settings, FakeTrunk(), probe)
    service.start()
    await until_ready(service)
    yield service
    await service.close()


@pytest.fixture
async def other(another: RecommendationService) -> AsyncIterator[httpx.AsyncClient]:
    async with client(another) as http:
        yield http


async def test_events_out_of_order_and_repeated_change_nothing(
    http: httpx.AsyncClient,
    service: RecommendationService,
    other: httpx.AsyncClient,
    another: RecommendationService,
    trunk: FakeTrunk,
) -> None:
    pairs = [(user, name) for user in ("ann", "bob", "eve") for name in SHOP][:-3]
    events = [
        click(user, name, timestamp=NOW_MS - 1_000_000 + place * 1_000)
        for place, (user, name) in enumerate(pairs)
    ]
    shuffled = [*events, *events[:5]]
    random.Random(0).shuffle(shuffled)
    await send(http, [*shop(), *events])
    await send(other, shop())
    for event in shuffled:
        await send(other, event)
    for one in (service, another):
        await embedded(one, trunk, len(SHOP))  # what has no vector yet is ranked otherwise

    async def popular(of: httpx.AsyncClient) -> dict[str, float]:
        answer = await of.get("/popular")
        return {one["item"]: one["score"] for one in answer.json()["items"]}

    assert await popular(other) == pytest.approx(await popular(http), rel=1e-3)
    seen = names(await ranked(other, user="eve", timestamp=NOW_MS))
    assert seen == names(await ranked(http, user="eve", timestamp=NOW_MS))
    assert sorted(seen) == sorted(list(SHOP)[-3:])


async def test_an_interaction_with_an_unknown_ranking_or_item_counts(
    http: httpx.AsyncClient,
) -> None:
    await send(http, shop())
    await send(http, click("ann", "oak-desk", ranking="no-such-ranking", timestamp=NOW_MS))
    await send(http, click("bob", "not-told-yet", timestamp=NOW_MS))
    popular = (await http.get("/popular")).json()["items"]
    assert sorted(names(popular)) == ["not-told-yet", "oak-desk"]
    assert "oak-desk" not in names(await ranked(http, user="ann"))


async def test_filters_that_leave_nothing_leave_an_empty_list(http: httpx.AsyncClient) -> None:
    everything = [click("ann", name, timestamp=NOW_MS) for name in SHOP]
    await send(http, [*shop(), *everything])
    for path in ("/users/ann", "/users/bob?category=none", "/popular?category=none"):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["items"]) == (200, [])
    gone = [item(name, available=False) | {"id": f"gone-{name}"} for name in SHOP]
    await send(http, [event | {"timestamp": NOW_MS} for event in gone])
    for path in LISTS:
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["items"]) == (200, [])


@pytest.mark.parametrize("path", LISTS[:3])
async def test_an_empty_list_is_never_an_error(http: httpx.AsyncClient, path: str) -> None:
    assert (await send(http, []))["stored"] == 0
    shown = {"event": "ranking", "id": "r1", "timestamp": NOW_MS, "items": []}
    assert (await send(http, shown))["stored"] == 1
    assert await ranked(http, items=[]) == []
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["items"]) == (200, [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"sku,title\n1,Tent\n", r"items\.csv: the items need a column item_id; there are 'sku'"),
        ("item_id,title\ntent,Tent\n".encode("utf-16") + b"x", "begins as UTF-16.* is not"),
    ],
)
async def test_a_csv_with_a_wrong_header_or_encoding_sends_nothing(
    service: RecommendationService, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        await run(service, lambda platform: load_files(platform, path, None, None))
    assert service.reader.after(0) == []


async def test_a_csv_s_bad_row_is_named_and_the_others_are_loaded(
    service: RecommendationService, tmp_path: Path
) -> None:
    path, rejects = tmp_path / "items.csv", tmp_path / "why.jsonl"
    path.write_text("item_id,title,price\ntent,Tent,189\npan,Pan,dear\nmug,Mug,-3\n")
    assert await run(service, lambda platform: load_files(platform, path, None, rejects)) == 1
    rows: list[dict[str, Any]] = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [row["row"] for row in rows] == [3, 4]
    ranking = await run(service, lambda platform: ask_ranking(platform, RankQuery("ann", count=9)))
    assert isinstance(ranking, Ranking)
    assert [(place.item, place.title) for place in ranking.items] == [("tent", "Tent")]


async def test_an_item_s_change_is_seen_by_the_next_request(http: httpx.AsyncClient) -> None:
    await send(http, shop())
    assert "wool-rug" in names((await http.get("/users/ann?category=textiles")).json()["items"])
    changed = item("wool-rug", title="Silk rug", category="luxury") | {"id": "again"}
    await send(http, changed | {"timestamp": NOW_MS})
    assert (await http.get("/users/ann?category=textiles")).json()["items"] == []
    (found,) = (await http.get("/users/ann?category=luxury&explain=true")).json()["items"]
    assert (found["item"], found["title"]) == ("wool-rug", "Silk rug")
