"""The routes that rank: what comes back, in which order, and for whom nothing is known."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import lightgbm
import numpy as np
import pytest

from services.recommendation.config import RecommendationSettings
from services.recommendation.service import RecommendationService
from shared.artifacts.aliases import CANDIDATE, CHAMPION, AliasFile
from shared.artifacts.promotion import roll_back
from shared.clock import ManualClock
from shared.errors import DependencyError
from shared.http.keys import Role
from shared.models.tasks import Priority
from shared.ranking.features.table import feature_names
from shared.ranking.rankers.blend import BLEND_WEIGHTS
from shared.ranking.rankers.bundle import RANKER_FILE, RankerBundle, RankerManifest
from shared.ranking.rankers.inputs import ranker_input_names
from shared.ranking.rankers.registry import BLEND, Rankers, open_rankers
from tests.harness.recommendation.application import client, open_service, until_ready
from tests.harness.recommendation.fakes import FakeProbe, FakeTrunk
from tests.harness.waiting import until
from tests.services.recommendation.test_feedback import click, item, send

NOW_MS = int(time.time() * 1000)
SHOP = {
    "desk-lamp": ("Desk lamp brass", "lighting"),
    "floor-lamp": ("Floor lamp brass", "lighting"),
    "table-lamp": ("Table lamp brass", "lighting"),
    "oak-desk": ("Oak bureau", "furniture"),
    "oak-chair": ("Oak chair", "furniture"),
    "wool-rug": ("Wool rug", "textiles"),
}


def shop(**more: object) -> list[dict[str, Any]]:
    events = [item(name, title=title, category=kind) for name, (title, kind) in SHOP.items()]
    return [event | {"timestamp": NOW_MS - 90 * 86_400_000} | more for event in events]


async def ranked(http: httpx.AsyncClient, **body: object) -> list[dict[str, Any]]:
    answer = await http.post("/rank/default", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["took"] >= 0
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def names(items: list[dict[str, Any]]) -> list[str]:
    return [one["item"] for one in items]


async def embedded(service: RecommendationService, trunk: FakeTrunk, count: int) -> None:
    def all_vectors() -> bool:
        follower = service._follower
        keys = [("default", name) for name in SHOP]
        return follower is not None and sum(map(follower.rankings.has_vector, keys)) == count

    await until(all_vectors, "every item has its vector")


async def test_given_items_come_back_once_each(http: httpx.AsyncClient) -> None:
    await send(http, shop())
    given = [*SHOP, "unknown", "desk-lamp"]

    items = await ranked(http, user="ann", items=[{"id": name} for name in given])

    assert sorted(names(items)) == sorted({*SHOP, "unknown"})
    assert names(items)[-1] == "unknown"
    assert set(items[0]) == {"item", "score"}
    assert len(await ranked(http, items=[{"id": name} for name in given], count=3)) == 3
    assert await ranked(http, items=[]) == []


async def test_nothing_is_found_in_an_empty_shop(http: httpx.AsyncClient) -> None:
    assert await ranked(http, user="ann") == []
    assert (await http.get("/users/ann")).json()["items"] == []
    assert (await http.get("/popular?category=none")).json()["items"] == []
    assert (await http.get("/items/lamp/similar")).status_code == 404


async def test_the_first_click_changes_the_next_ranking(
    http: httpx.AsyncClient, service: RecommendationService, trunk: FakeTrunk
) -> None:
    await send(http, shop())
    await embedded(service, trunk, len(SHOP))
    crowd = [click(f"u{n}", "oak-desk", timestamp=NOW_MS - 1000) for n in range(5)]
    await send(http, crowd)
    assert names(await ranked(http, user="ann"))[0] == "oak-desk"

    for turn in range(20):
        user = f"ann-{turn}"
        await send(http, click(user, "desk-lamp", timestamp=NOW_MS - 500))
        items = await ranked(http, user=user, explain=True)

        # How much the crowd's favourite counts beside the click is the scorer's affair.
        first = next(one for one in items if one["item"] != "oak-desk")
        assert first["item"] in ("floor-lamp", "table-lamp")
        assert "desk-lamp" not in names(items)
        assert "Desk lamp brass" in first["reasons"][0]["text"]
        assert first["reasons"][0]["item"] == "desk-lamp"
        assert tuple(items[0]["features"]) == feature_names()


async def test_a_new_item_is_found_at_once_and_soon_by_its_text(
    http: httpx.AsyncClient, service: RecommendationService, trunk: FakeTrunk
) -> None:
    await send(http, shop()[:1])
    await embedded(service, trunk, 1)
    trunk.error = DependencyError("not now")
    await send(http, shop()[1:])

    assert len(await ranked(http, user="ann")) == len(SHOP)

    trunk.error = None
    await embedded(service, trunk, len(SHOP))
    assert trunk.priorities == {Priority.BULK}


async def test_what_is_embedded_is_stored_and_not_embedded_again(
    settings: RecommendationSettings, trunk: FakeTrunk, probe: FakeProbe
) -> None:
    for _ in range(2):
        service = open_service(settings, trunk, probe)
        service.start()
        await until_ready(service)
        async with client(service) as http:
            await send(http, shop())
            await embedded(service, trunk, len(SHOP))
            found = (await http.get("/items/desk-lamp/similar?n=2")).json()["items"]
            assert set(names(found)) == {"floor-lamp", "table-lamp"}
        await service.close()

    assert len(trunk.texts) == len(SHOP)


async def test_a_text_that_changed_is_embedded_anew(
    http: httpx.AsyncClient, service: RecommendationService, trunk: FakeTrunk
) -> None:
    await send(http, shop())
    await embedded(service, trunk, len(SHOP))

    rug = item("wool-rug", title="Wool lamp brass", category="textiles")
    await send(http, rug | {"id": "again", "timestamp": NOW_MS})

    async def nearest() -> set[str]:
        answer = await http.get("/items/desk-lamp/similar?n=3")
        return set(names(answer.json()["items"]))

    deadline_s = time.monotonic() + 20
    while await nearest() != {"floor-lamp", "table-lamp", "wool-rug"}:
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.01)
    assert trunk.texts[len(SHOP) :] == ["Wool lamp brass. textiles"]


async def test_a_text_that_changes_while_it_is_embedded_is_embedded_anew(
    http: httpx.AsyncClient, service: RecommendationService, trunk: FakeTrunk
) -> None:
    trunk.may_go.clear()
    await send(http, item("rug", title="Wool rug"))
    await trunk.entered.wait()
    await send(http, item("rug", title="Silk rug") | {"id": "again", "timestamp": NOW_MS})

    trunk.may_go.set()

    await until(lambda: trunk.texts == ["Wool rug", "Silk rug"], "the new text is embedded")


async def test_a_new_champion_takes_over_with_other_vectors(
    http: httpx.AsyncClient, service: RecommendationService, trunk: FakeTrunk
) -> None:
    await send(http, shop())
    await embedded(service, trunk, len(SHOP))
    await send(http, click("ann", "desk-lamp"))

    trunk.bundle, trunk.width = "embed@2", 96

    follower = service._follower
    assert follower is not None
    await until(lambda: follower.rankings.bundle == "embed@2", "the new vectors serve")
    await embedded(service, trunk, len(SHOP))
    assert names(await ranked(http, user="ann"))[0] in ("floor-lamp", "table-lamp")
    await send(http, click("ann", "oak-desk", timestamp=NOW_MS))
    assert "oak-desk" not in names(await ranked(http, user="ann"))


async def test_the_tenants_of_two_keys_know_nothing_of_each_other(
    service: RecommendationService, http: httpx.AsyncClient
) -> None:
    keys = service.settings.keys
    ours = keys.create("ours", "acme", Role.ADMIN)
    theirs = keys.create("theirs", "bolt")
    for key, count in ((ours, len(SHOP)), (theirs, 0)):
        http.headers["authorization"] = f"Bearer {key}"
        if count:
            await send(http, shop())
        assert len(await ranked(http, user="ann")) == count
    assert (await http.post("/feedback", json=shop())).status_code == 403


async def test_lists_take_a_category_and_a_length(http: httpx.AsyncClient) -> None:
    await send(http, shop())
    await send(
        http, [click("ann", "oak-chair"), click("ann", "wool-rug"), click("bob", "oak-chair")]
    )

    async def listed(path: str) -> list[str]:
        answer = await http.get(path)
        assert answer.status_code == 200, answer.text
        return names(answer.json()["items"])

    assert await listed("/users/ann?category=furniture") == ["oak-desk"]
    assert sorted(await listed("/users/ann?category=furniture&exclude_seen=false")) == [
        "oak-chair",
        "oak-desk",
    ]
    assert len(await listed("/users/nobody?n=2")) == 2
    assert await listed("/users/a%2Fb%20c?category=nothing") == []


async def test_popular_is_what_was_met_lately(http: httpx.AsyncClient) -> None:
    await send(http, shop())
    times = {"timestamp": NOW_MS - 3_600_000}
    clicks = [click(f"u{n}", name, **times) for name in SHOP for n in range(len(name) % 7)]
    await send(http, clicks)

    items = (await http.get("/popular?n=3&category=lighting")).json()["items"]

    scores = [one["score"] for one in items]
    assert scores == sorted(scores, reverse=True)
    assert {SHOP[one["item"]][1] for one in items} == {"lighting"}


@pytest.mark.parametrize(
    "path", ["/users/ann", "/items/oak-desk/similar", "/popular", "/rank/default"]
)
async def test_what_is_explained_has_its_title(
    http: httpx.AsyncClient, service: RecommendationService, trunk: FakeTrunk, path: str
) -> None:
    await send(http, shop())
    await embedded(service, trunk, len(SHOP))  # a vector that comes between would reorder
    await send(http, [click("bob", name, timestamp=NOW_MS - 1000) for name in SHOP])
    await send(http, click("bob", "untold", timestamp=NOW_MS))

    async def listed(*, explain: bool) -> list[dict[str, Any]]:
        if path.startswith("/rank"):
            return await ranked(http, user="ann", explain=explain)
        answer = await http.get(path, params={"explain": explain})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    explained, plain = await listed(explain=True), await listed(explain=False)

    assert names(explained) == names(plain) != []
    assert {one["item"]: one["title"] for one in explained}.items() <= {
        **{name: title for name, (title, _) in SHOP.items()},
        "untold": "",
    }.items()
    assert all(set(one) == {"item", "score", "title", "reasons", "features"} for one in explained)
    assert all(set(one) == {"item", "score"} for one in plain)


@pytest.mark.parametrize(
    "timestamp", [100_000_000_000, 4_000_000_000_000, 7_258_118_399_999, "1973-03-03T10:00Z"]
)
async def test_any_time_may_be_asked_for(http: httpx.AsyncClient, timestamp: int | str) -> None:
    await send(http, shop())
    await send(http, [click("ann", "oak-chair"), click("ann", "wool-rug")])

    items = await ranked(
        http, user="ann", timestamp=timestamp, explain=True, items=[{"id": name} for name in SHOP]
    )

    assert all(one["score"] is not None for one in items)
    assert len(await ranked(http, user="ann", timestamp=timestamp)) == len(SHOP) - 2


@pytest.mark.parametrize(
    ("change", "location"),
    [
        ({"items": [{"id": f"i{n}"} for n in range(10_001)]}, "items"),
        ({"items": [{"id": ""}]}, "items.0.id"),
        ({"items": [{}]}, "items.0.id"),
        ({"items": "lamp"}, "items"),
        ({"count": 0}, "count"),
        ({"count": True}, "count"),
        ({"timestamp": -1}, "timestamp"),
        ({"usr": "ann"}, "usr"),
        ({"user": 3}, "user"),
        ({"fields": [{"name": "a", "value": None}]}, "fields.0.value"),
    ],
)
async def test_a_bad_request_is_refused_with_its_place(
    http: httpx.AsyncClient, change: dict[str, object], location: str
) -> None:
    answer = await http.post("/rank/default", json={"user": "ann"} | change)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["location"] == location


async def test_ten_thousand_candidates_are_ranked(http: httpx.AsyncClient) -> None:
    await send(http, shop())

    items = await ranked(http, items=[{"id": f"i{n}"} for n in range(9_999)] + [{"id": "wool-rug"}])

    assert (len(items), items[0]["item"]) == (10_000, "wool-rug")


@pytest.mark.parametrize("model", ["other", "..", "a%2Fb", "x" * 80])
async def test_an_unknown_model_is_no_fault_of_ours(http: httpx.AsyncClient, model: str) -> None:
    answer = await http.post(f"/rank/{model}", json={})

    assert answer.status_code in (404, 405, 422), answer.text


def trained(
    registry: Rankers, model: str, *, sign: int, features: Sequence[str] | None = None
) -> RankerBundle:
    """A ranker that puts the items first whose price is low (`sign` -1) or high."""
    names = list(features or ranker_input_names())
    rows = np.zeros((200, len(names)))
    rows[:, names.index("price")] = np.arange(200) % 20
    data = lightgbm.Dataset(rows, sign * rows.sum(axis=1), feature_name=names)
    booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 5}, data, num_boost_round=5)
    trees = booster.model_to_string()
    manifest = RankerManifest(
        model=model,
        features=tuple(names),
        blend=BLEND_WEIGHTS,
        data_fingerprint="0" * 64,
        metrics={},
        settings={},
        command=f"banyan recommend train --model {model}",
        created_at="2026-01-05T08:00:00+00:00",
    )

    def write_files(folder: Path) -> None:
        (folder / RANKER_FILE).write_text(trees, "utf-8")

    return registry.write(manifest, write_files)


async def test_a_running_replica_follows_the_champion_and_back_again(
    http: httpx.AsyncClient, settings: RecommendationSettings
) -> None:
    prices = {"a": 15.0, "b": 1.0, "c": 8.0}
    await send(http, [item(name, title="Thing", price=price) for name, price in prices.items()])
    given = {"items": [{"id": name} for name in prices]}
    registry = open_rankers(settings.rankers_dir)
    cheap, dear = (trained(registry, "default", sign=sign) for sign in (-1, 1))
    assert len({one["score"] for one in await ranked(http, **given)}) == 1

    registry.set_alias("default", CANDIDATE, dear.id)
    assert len({one["score"] for one in await ranked(http, **given)}) == 1
    registry.set_alias("default", CHAMPION, cheap.id)
    assert names(await ranked(http, **given)) == ["b", "c", "a"]
    registry.set_alias("default", CHAMPION, dear.id)
    assert names(await ranked(http, **given)) == ["a", "c", "b"]
    roll_back(registry, "default", command="a test", at_s=0.0)
    assert names(await ranked(http, **given)) == ["b", "c", "a"]


async def test_the_first_champion_can_be_rolled_back_to_the_blend(
    http: httpx.AsyncClient, settings: RecommendationSettings
) -> None:
    await send(http, [item("a", title="Thing", price=3.0), item("b", title="Thing", price=1.0)])
    given = {"items": [{"id": "a"}, {"id": "b"}]}
    registry = open_rankers(settings.rankers_dir)
    registry.set_alias("default", CHAMPION, trained(registry, "default", sign=1).id)
    before = [one["score"] for one in await ranked(http, **given)]

    back = roll_back(registry, "default", command="a test", at_s=0.0)
    assert back[1] == "blend"

    after = {one["score"] for one in await ranked(http, **given)}
    assert len(set(before)) == 2
    assert len(after) == 1


async def test_a_ranker_of_another_version_is_refused_with_the_command_that_helps(
    http: httpx.AsyncClient, settings: RecommendationSettings
) -> None:
    """No alias can be set to it; but it may have been made before an upgrade."""
    registry = open_rankers(settings.rankers_dir)
    bundle = trained(registry, "default", sign=1, features=["colour", *ranker_input_names()[1:]])
    AliasFile(settings.rankers_dir, "default").point("default", CHAMPION, bundle.id, first=BLEND)

    answer = await http.post("/rank/default", json={})

    assert answer.status_code == 503
    detail = answer.json()["detail"]
    assert f"without ['{ranker_input_names()[0]}'], and on ['colour']" in detail
    assert f"{bundle.id} cannot serve" in detail
    assert "`banyan recommend train --model default`" in detail
    assert "`banyan recommend rollback --model default`" in detail
    roll_back(registry, "default", command="a test", at_s=0.0)
    assert (await http.post("/rank/default", json={})).status_code == 200


async def test_a_model_whose_files_are_corrupt_is_not_served(
    http: httpx.AsyncClient, settings: RecommendationSettings
) -> None:
    registry = open_rankers(settings.rankers_dir)
    bundle = trained(registry, "tried", sign=1)
    registry.set_alias("tried", CHAMPION, bundle.id)
    (bundle.folder / "ranker.txt").write_text("tree")

    answer = await http.post("/rank/tried", json={})

    assert answer.status_code == 503
    assert "corrupt" in answer.json()["detail"]


async def test_operations_have_their_routes(http: httpx.AsyncClient, probe: FakeProbe) -> None:
    assert (await http.get("/healthz")).status_code == 200
    assert (await http.get("/stream")).json()["topic_id"] is None
    ready = (await http.get("/readyz")).json()
    assert ready["ready"] is True
    assert set(ready["checks"]) == {
        "database",
        "trunk",
        "rankings",
        "vectors",
        "broker",
        "stream",
    }
    document = (await http.get("/openapi.json")).json()
    assert "/feedback" in document["paths"]
    assert (await http.get("/docs")).status_code == 200
    assert b"banyan_feedback_events_total" in (await http.get("/metrics")).content
    assert b"banyan_feedback" in (await http.get("/stream/metrics")).content
    probe.is_away = True
    assert (await http.get("/readyz")).status_code == 503
    assert (await http.get("/stream/metrics")).status_code == 503


async def test_time_stands_still_without_a_clock(tmp_path: Path) -> None:
    clock = ManualClock(NOW_MS / 1000)
    service = open_service(
        RecommendationSettings(state_dir=tmp_path), FakeTrunk(), FakeProbe(), clock
    )
    service.start()
    await until_ready(service)
    async with client(service) as http:
        await send(http, shop())
        await send(http, [click("ann", "oak-chair", timestamp=NOW_MS)])
        before = (await http.get("/popular")).json()["items"][0]["score"]
        clock.advance(7 * 86_400)
        after = (await http.get("/popular")).json()["items"][0]["score"]
    await service.close()
    assert after == pytest.approx(before / 2)
