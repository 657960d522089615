"""Knowledge bases that follow a promotion by themselves, while questions and writes go on."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from services.support.answers.readings import Turn
from services.support.config import SupportSettings
from services.support.documents import Document
from services.support.index_follower import IndexFollower
from services.support.service import SupportService, open_service
from shared.clock import ManualClock
from shared.errors import ArtifactError, DependencyError
from shared.models.tasks import EmbedOutput, Priority, TaskCall, TaskOutput
from shared.text.passages import TextFormat
from tests.harness.support.fakes import WIDTH, FakeTrunk

OLD, NEW, NEWER = (f"embed@00000000000{number}" for number in (1, 2, 3))
WIDTHS = {OLD: WIDTH, NEW: WIDTH // 2, NEWER: WIDTH}


@dataclass
class Embedding:
    """A call that embeds: its bundle, how many texts, and the calls that were under way then."""

    bundle: str
    texts: int
    priority: Priority
    beside: int


@dataclass
class Widths(FakeTrunk):
    """Every bundle has its own width, so that vectors of two cannot be mixed unnoticed."""

    embeddings: list[Embedding] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)
    waits_for: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    bulk_now: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    async def encode(
        self,
        calls: Sequence[TaskCall],
        *,
        app: str,
        priority: Priority = Priority.INTERACTIVE,
        timeout_s: float | None = None,
    ) -> list[TaskOutput]:
        bundle = calls[0].task
        is_bulk = priority is Priority.BULK
        if "@" in bundle:
            count = len(calls[0].inputs)
            self.embeddings.append(Embedding(bundle, count, priority, self.bulk_now))
        if is_bulk:
            self.bulk_now += 1
            await asyncio.sleep(0)
        try:
            if is_bulk and bundle == self.embed_bundle and self.waits_for is not None:
                self.entered.set()
                await self.waits_for.wait()
            if is_bulk and any(word in str(calls[0].inputs) for word in self.broken):
                raise next(e for word, e in self.broken.items() if word in str(calls[0].inputs))
            outputs = await super().encode(calls, app=app, priority=priority, timeout_s=timeout_s)
        finally:
            self.bulk_now -= is_bulk
        return [_cut(output) for output in outputs]


def _cut(output: TaskOutput) -> TaskOutput:
    if not isinstance(output, EmbedOutput):
        return output
    vectors = np.ascontiguousarray(output.vectors[:, : WIDTHS[output.bundle]])
    return EmbedOutput(output.bundle, output.tokens, vectors)


@pytest.fixture
def trunk() -> Widths:
    return Widths()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def follower(service: SupportService, trunk: Widths, clock: ManualClock) -> IndexFollower:
    return follower_of(service, clock)


def follower_of(service: SupportService, clock: ManualClock, task: str = "embed") -> IndexFollower:
    return IndexFollower(
        service.knowledge_bases, service._embedder, clock, task=task, check_s=3600.0
    )


def document(name: str) -> Document:
    return Document(name, f"Title of {name}", f"All about {name}.", TextFormat.PLAIN, False, {})


async def fill(service: SupportService, name: str, count: int = 3, tenant: str = "default") -> None:
    base = await service.knowledge_bases.create(tenant, name)
    await base.put([document(f"{name}{number}") for number in range(count)])


async def found(service: SupportService, name: str, query: str) -> list[str]:
    base = await service.knowledge_bases.get("default", name)
    hits = await service.assistant.search(base, Turn((query,)), 10)
    return [each.hit.entry.document_id for each in hits]


async def bundles(service: SupportService) -> set[str | None]:
    return {await base.bundle() for base in await service.knowledge_bases.all()}


async def test_every_index_follows_one_after_the_other_in_bulk(
    service: SupportService, trunk: Widths, follower: IndexFollower
) -> None:
    await fill(service, "cats")
    await fill(service, "dogs")
    await fill(service, "dogs", tenant="other")
    await follower.follow()
    assert await bundles(service) == {OLD}
    trunk.champion(NEW)
    trunk.embeddings.clear()

    await follower.follow()

    assert await bundles(service) == {NEW}
    assert [(e.bundle, e.texts) for e in trunk.embeddings] == [(NEW, 6)] * 3
    assert {(e.priority, e.beside) for e in trunk.embeddings} == {(Priority.BULK, 0)}
    assert (await found(service, "cats", "cats1"))[0] == "cats1"
    assert (trunk.embeddings[-1].bundle, trunk.embeddings[-1].texts) == (NEW, 1)
    trunk.embeddings.clear()
    await follower.follow()
    assert trunk.embeddings == []


async def test_the_old_index_serves_with_its_bundle_until_the_new_one_is_there(
    service: SupportService, trunk: Widths, follower: IndexFollower
) -> None:
    await fill(service, "cats")
    trunk.champion(NEW)
    trunk.waits_for = asyncio.Event()

    following = asyncio.create_task(follower.follow())
    await trunk.entered.wait()
    assert follower.state.startswith("ready, but 1 of the indexes are still to be made")
    assert (await found(service, "cats", "cats1"))[0] == "cats1"
    assert trunk.embeddings[-1].bundle == OLD
    base = await service.knowledge_bases.get("default", "cats")
    await base.put([document("late")])
    await base.delete("cats0")
    trunk.waits_for.set()
    await following

    assert follower.state == "ready"
    assert await bundles(service) == {NEW}
    assert (await found(service, "cats", "late"))[0] == "late"
    assert {e.document_id for e in (await base.index()).entries} == {"cats1", "cats2", "late"}


async def test_no_question_and_no_write_fails_through_many_changes(
    service: SupportService, trunk: Widths, follower: IndexFollower
) -> None:
    await fill(service, "cats", 20)
    base = await service.knowledge_bases.get("default", "cats")
    asked = 0
    is_over = False

    async def ask() -> None:
        nonlocal asked
        while not is_over:
            assert (await found(service, "cats", "cats7"))[0] == "cats7"
            asked += 1

    async def write() -> None:
        while not is_over:
            await base.put([document("written")])

    others = [asyncio.create_task(work()) for work in (ask, ask, write)]
    for bundle in (NEW, NEWER, NEW, OLD, NEW):
        trunk.champion(bundle)
        await follower.follow()
        assert await bundles(service) == {bundle}
    is_over = True
    await asyncio.gather(*others)

    assert asked > 5
    assert len((await base.index()).entries) == 21


async def test_an_index_that_nobody_opened_is_made_anew_on_disk_alone(
    settings: SupportSettings, trunk: Widths, clock: ManualClock
) -> None:
    before = open_service(settings, trunk)
    await fill(before, "cats")
    await before.close()
    trunk.champion(NEW)

    service = open_service(settings, trunk)
    await follower_of(service, clock).follow()

    (base,) = await service.knowledge_bases.all()
    assert base._index is None
    assert await base.bundle() == NEW
    trunk.embeddings.clear()
    assert (await found(service, "cats", "cats1"))[0] == "cats1"
    assert [(e.bundle, e.texts) for e in trunk.embeddings] == [(NEW, 1)]
    await service.close()


async def test_an_index_of_a_bundle_that_is_gone_is_mended(
    service: SupportService, trunk: Widths, follower: IndexFollower
) -> None:
    await fill(service, "cats")
    trunk.known_bundles.clear()
    trunk.champion(NEW)
    with pytest.raises(ArtifactError, match=rf"{OLD}.*soon"):
        await found(service, "cats", "cats1")

    await follower.follow()

    assert (await found(service, "cats", "cats1"))[0] == "cats1"


async def test_a_replica_that_is_behind_does_not_put_the_old_index_back(
    service: SupportService, settings: SupportSettings, trunk: Widths, follower: IndexFollower
) -> None:
    await fill(service, "cats")
    behind = open_service(settings, trunk)
    (base,) = await behind.knowledge_bases.all()
    await base.index()
    trunk.champion(NEW)
    await follower.follow()

    await base.put([document("late")])
    await behind.close()

    restarted = open_service(settings, trunk)
    assert await bundles(restarted) == {NEW}
    await restarted.close()


async def test_one_that_fails_serves_on_and_is_tried_again(
    service: SupportService,
    trunk: Widths,
    follower: IndexFollower,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await fill(service, "cats")
    await fill(service, "dogs")
    cats, dogs = await service.knowledge_bases.all()
    trunk.champion(NEW)
    trunk.broken = {"cats": ArtifactError("the bundle has no memory of cats")}

    await follower.follow()

    assert (await cats.bundle(), await dogs.bundle()) == (OLD, NEW)
    assert (await found(service, "cats", "cats1"))[0] == "cats1"
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.__dict__["reason"] == "the bundle has no memory of cats"
    assert "banyan kb rebuild --kb cats" in record.__dict__["remedy"]
    assert follower.state.startswith("ready, but 1 of the indexes")

    trunk.broken = {}
    await follower.follow()
    assert await cats.bundle() == OLD
    clock.advance(300.0)
    await follower.follow()
    assert await cats.bundle() == NEW
    assert follower.state == "ready"


async def test_one_that_failed_is_tried_at_once_with_the_next_champion(
    service: SupportService, trunk: Widths, follower: IndexFollower
) -> None:
    await fill(service, "cats")
    trunk.champion(NEW)
    trunk.broken = {"cats": RuntimeError("not even an error of the platform's")}
    await follower.follow()
    assert await bundles(service) == {OLD}
    trunk.broken = {}

    trunk.champion(NEWER)
    await follower.follow()

    assert await bundles(service) == {NEWER}
    assert follower.state == "ready"


async def test_a_knowledge_base_that_is_dropped_meanwhile_stops_nothing(
    service: SupportService, trunk: Widths, follower: IndexFollower, settings: SupportSettings
) -> None:
    await fill(service, "cats")
    await fill(service, "dogs")
    trunk.champion(NEW)
    trunk.waits_for = asyncio.Event()
    following = asyncio.create_task(follower.follow())
    await trunk.entered.wait()
    await service.knowledge_bases.drop("default", "cats")
    trunk.waits_for.set()

    await following

    assert await bundles(service) == {NEW}
    assert follower.state == "ready"
    assert len(list(settings.index_dir.iterdir())) == 1


async def test_a_running_service_follows_by_itself(
    settings: SupportSettings, trunk: Widths
) -> None:
    service = open_service(settings.model_copy(update={"champion_check_s": 0.01}), trunk)
    await fill(service, "cats")
    trunk.error = DependencyError("the trunk is away")
    service.start()
    await until_state(service, "ready, but the champion is not known: the trunk is away")

    trunk.error = None
    trunk.champion(NEW)

    deadline_s = time.monotonic() + 20
    while await bundles(service) != {NEW}:
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.01)
    await until_state(service, "ready")
    await service.close()


async def until_state(service: SupportService, state: str) -> None:
    deadline_s = time.monotonic() + 20
    while (await service.readiness())["indexes"] != state:
        assert time.monotonic() < deadline_s, await service.readiness()
        await asyncio.sleep(0.01)


async def test_a_task_without_a_champion_is_named_with_what_helps(
    settings: SupportSettings, trunk: Widths
) -> None:
    other = settings.model_copy(update={"embed_task": "support-retrieval"})
    service = open_service(other, trunk)

    state = (await service.readiness())["trunk"]

    assert "embed_task" in state
    assert "promote a bundle of support-retrieval" in state
    await service.close()
