"""Starts from a snapshot: what they read and know, and what is kept of events that are gone."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.rankings.snapshots import Snapshots
from services.recommendation.reading import FeedbackReader
from services.recommendation.retention import BehaviourRetention
from services.recommendation.service import RecommendationService
from services.recommendation.store import StoredEvent
from shared.clock import ManualClock
from tests.harness.recommendation.application import client, open_service, until_ready
from tests.harness.recommendation.fakes import FakeProbe, FakeTrunk
from tests.harness.recommendation.made import START_MS
from tests.harness.waiting import until
from tests.services.recommendation.test_feedback import click, item, send
from tests.services.recommendation.test_rank import NOW_MS, SHOP, shop

EVERY = 30
ASKED = ["/popular?n=9", "/users/ann?explain=true", "/items/oak-desk/similar"]
DAY_S = 86_400.0


@pytest.fixture
def settings(tmp_path: Path) -> RecommendationSettings:
    return RecommendationSettings(
        state_dir=tmp_path / "state",
        snapshot_events=EVERY,
        champion_check_s=0.2,
        retention=BehaviourRetention(events_days=10, every_s=0.05),
    )


@pytest.fixture
def trunk() -> FakeTrunk:
    return FakeTrunk()


@asynccontextmanager
async def served(
    settings: RecommendationSettings, trunk: FakeTrunk, at_s: float = NOW_MS / 1000
) -> AsyncIterator[tuple[RecommendationService, httpx.AsyncClient]]:
    service = open_service(settings, trunk, FakeProbe(), ManualClock(at_s))
    service.start()
    await until_ready(service)
    async with client(service) as http:
        yield service, http
    await service.close()


async def answers(http: httpx.AsyncClient) -> list[Any]:
    found = [(await http.get(path)).json()["items"] for path in ASKED]
    asked = {"items": [{"id": name} for name in SHOP], "user": "ann", "explain": True}
    return [*found, (await http.post("/rank/default", json=asked)).json()["items"]]


def snapshots_of(service: RecommendationService) -> Snapshots:
    assert service._follower is not None
    return service._follower._snapshots


async def filled(service: RecommendationService, http: httpx.AsyncClient) -> list[Any]:
    """Sends events until a snapshot is on disk, then some more; what is answered then."""
    await send(http, [*shop(), item("late", title="Late lamp", price=3.0)])
    people = ("ann", "bob", "cy", "dee", "eve", "fay")
    # No two items are equally popular: among equals the order is that of their rows in memory.
    moments = {name: NOW_MS - 900_000 - 10_000 * place for place, name in enumerate(SHOP)}
    clicks = [click(who, name, timestamp=moments[name]) for who in people for name in SHOP]
    await send(http, clicks)
    await until(lambda: snapshots_of(service).on_disk_seq >= EVERY, "a snapshot is on disk")
    await send(http, [click("ann", "late", timestamp=NOW_MS - 800_000)])
    follower = service._follower
    assert follower is not None
    names = [("default", name) for name in (*SHOP, "late")]
    await until(lambda: all(map(follower.rankings.has_vector, names)), "all is embedded")
    return await answers(http)


async def test_a_start_reads_the_events_after_the_snapshot_alone(
    settings: RecommendationSettings, trunk: FakeTrunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(settings, trunk) as (service, http):
        before = await filled(service, http)
        saved = snapshots_of(service).on_disk_seq
    read: list[int] = []
    after = FeedbackReader.after

    def noted(self: FeedbackReader, seq: int, limit: int = 5000) -> list[StoredEvent]:
        found = after(self, seq, limit)
        read.extend(one.seq for one in found)
        return found

    monkeypatch.setattr(FeedbackReader, "after", noted)
    async with served(settings, trunk) as (service, http):
        assert await answers(http) == before
        await send(http, click("ann", "desk-lamp", id="again", timestamp=NOW_MS))
        assert await answers(http) != before
    assert read == list(range(saved + 1, saved + 2))


@pytest.fixture
def snapshots(settings: RecommendationSettings) -> Iterator[Snapshots]:
    database = open_database(settings)
    yield Snapshots(
        settings.snapshots_dir, FeedbackReader(database), settings.state, settings.snapshot_events
    )
    database.close()


def test_a_snapshot_that_may_not_be_read_is_made_anew(
    settings: RecommendationSettings, snapshots: Snapshots, caplog: pytest.LogCaptureFixture
) -> None:
    (settings.snapshots_dir / "CURRENT").mkdir(parents=True)

    assert snapshots.load() is None
    assert "made from all stored events" in caplog.text


@pytest.mark.parametrize("damage", ["corrupt", "foreign", "missing", "settings"])
async def test_a_snapshot_that_is_of_no_use_is_replaced_by_the_events(
    settings: RecommendationSettings,
    trunk: FakeTrunk,
    damage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served(settings, trunk) as (service, http):
        before = await filled(service, http)
    (folder,) = (one for one in settings.snapshots_dir.iterdir() if one.is_dir())
    if damage == "corrupt":
        path = folder / "0.safetensors"
        content = bytearray(path.read_bytes())
        content[-5] ^= 1
        path.write_bytes(content)
    elif damage == "missing":
        (folder / "manifest.json").unlink()
    elif damage == "settings":
        state = settings.state.model_copy(update={"pair_distance": 19})
        settings = settings.model_copy(update={"state": state})
    else:
        # Another database, with other events of the same numbers.
        other = settings.model_copy(update={"state_dir": settings.state_dir.with_name("other")})
        other.state_dir.mkdir()
        settings.snapshots_dir.rename(other.snapshots_dir)
        settings = other
        caplog.clear()
        async with served(settings, FakeTrunk()) as (service, http):
            assert "made from all stored events" in caplog.text
            # An empty shop, and nothing of the other one's.
            assert (await http.get("/popular")).json()["items"] == []
        return

    caplog.clear()
    async with served(settings, trunk) as (service, http):
        assert "made from all stored events" in caplog.text
        assert await answers(http) == before


async def test_of_events_that_are_gone_rankings_and_items_keep_what_they_told(
    settings: RecommendationSettings, trunk: FakeTrunk
) -> None:
    async with served(settings, trunk) as (service, http):
        await send(http, {**item("late", tags="kept"), "id": "tags", "timestamp": NOW_MS - 9})
        before = await filled(service, http)
        saved = snapshots_of(service).on_disk_seq

    later_s = NOW_MS / 1000 + 20 * DAY_S
    async with served(settings, trunk, later_s) as (service, http):
        await until(lambda: service.reader.first_seq() == saved, "old events are gone")
        assert [one.seq for one in service.reader.after(saved)] == [saved + 1]
        popular = (await http.get(ASKED[0])).json()["items"]
        names = [one["item"] for one in popular]
        assert names == [one["item"] for one in before[0]]
        # Another champion's rankings take over what these know.
        trunk.promote("embed@2", 96)
        follower = service._follower
        assert follower is not None
        await until(lambda: follower.rankings.bundle == "embed@2", "the new vectors serve")
        assert (await http.get(ASKED[0])).json()["items"] == popular
        counts = await send(http, click("ann", "late", timestamp=NOW_MS - 800_000))
        assert counts["repeated"] == 1

    async with served(settings, trunk, later_s) as (service, http):
        assert (await http.get(ASKED[0])).json()["items"] == popular

    # Without the snapshot what people did is gone with its events; what items are is not.
    (settings.snapshots_dir / "CURRENT").unlink()
    async with served(settings, trunk, later_s) as (service, http):
        ranked = (await answers(http))[-1]
        titles = {one["item"]: one["title"] for one in ranked}
        assert titles == {name: title for name, (title, _) in SHOP.items()}
        assert len((await http.get(ASKED[0])).json()["items"]) <= 2
        same = item("late", title="Late lamp", price=3.0) | {"timestamp": START_MS + 1}
        told = await send(http, same | {"id": "same"})
        assert told["unchanged"] == 1
