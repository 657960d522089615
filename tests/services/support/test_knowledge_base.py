"""A knowledge base that changes while it serves, and what is left of it after a crash."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.support.answers.readings import Turn
from services.support.config import SupportSettings
from services.support.documents import Document
from services.support.knowledge_base import KnowledgeBase
from services.support.service import SupportService, open_service
from shared.errors import (
    ArtifactError,
    DependencyError,
    InputError,
    NotFoundError,
    OverloadedError,
)
from shared.models.tasks import Priority, TaskCall, TaskOutput
from shared.text.passages import TextFormat
from tests.harness.support.fakes import FakeTrunk


def document(name: str, text: str = "", text_format: TextFormat = TextFormat.PLAIN) -> Document:
    text = text or f"All about {name}."
    return Document(name, f"Title of {name}", text, text_format, False, {})


async def opened(service: SupportService, name: str = "kb") -> KnowledgeBase:
    return await service.knowledge_bases.create("default", name)


async def found(service: SupportService, base: KnowledgeBase, query: str) -> list[str]:
    hits = await service.assistant.search(base, Turn((query,)), 10)
    return [each.hit.entry.document_id for each in hits]


async def test_the_next_search_sees_a_write(service: SupportService) -> None:
    base = await opened(service)
    assert await found(service, base, "zebra") == []

    assert await base.put([document("zebra"), document("tulip")]) == 1
    assert (await found(service, base, "zebra"))[0] == "zebra"
    assert await base.put([document("zebra", "Now it speaks of giraffes.")]) == 2
    assert (await found(service, base, "giraffes"))[0] == "zebra"
    assert await base.delete("zebra") == 3
    assert await found(service, base, "zebra") == ["tulip"]


async def test_only_new_texts_are_embedded(service: SupportService, trunk: FakeTrunk) -> None:
    base = await opened(service)
    await base.put([document(f"d{n}") for n in range(20)])
    trunk.calls.clear()
    trunk.priorities.clear()

    await base.put([document("one")])
    await base.delete("d3")

    assert trunk.embedded_texts == ["Title of one", "All about one."]
    assert trunk.priorities == [Priority.INTERACTIVE]


async def test_a_bulk_write_waits_behind_others(service: SupportService, trunk: FakeTrunk) -> None:
    base = await opened(service)
    trunk.priorities.clear()

    await base.put([document(f"d{n}") for n in range(200)])

    assert set(trunk.priorities[1:]) == {Priority.BULK}
    assert max(len(call.inputs) for calls in trunk.calls for call in calls) <= 256


async def test_writes_at_once_are_all_there(service: SupportService) -> None:
    base = await opened(service)

    versions = await asyncio.gather(*(base.put([document(f"d{n}")]) for n in range(20)))

    assert sorted(versions) == list(range(1, 21))
    assert {e.document_id for e in (await base.index()).entries} == {f"d{n}" for n in range(20)}


async def test_a_killed_process_loses_nothing_that_was_acknowledged(
    settings: SupportSettings, trunk: FakeTrunk
) -> None:
    killed = open_service(settings.model_copy(update={"save_after_s": 3600.0}), trunk)
    base = await opened(killed)
    await base.put([document("a"), document("b"), document("c")])
    await base.close()
    await base.put([document("d"), document("b", "Changed to zebra.")])
    await base.delete("c")
    trunk.calls.clear()

    # Nothing was closed or saved since: the new process has the database and an old index.
    service = open_service(settings, trunk)
    base = await opened(service)

    assert (await found(service, base, "zebra"))[0] == "b"
    assert {e.document_id for e in (await base.index()).entries} == {"a", "b", "d"}
    asked = {"zebra"}
    assert set(trunk.embedded_texts) - asked == {
        *("Title of d", "All about d."),
        *("Title of b", "Changed to zebra."),
    }
    await service.close()
    await killed.close()


async def test_a_saved_index_is_used_without_embedding(
    settings: SupportSettings, trunk: FakeTrunk
) -> None:
    first = open_service(settings, trunk)
    await (await opened(first)).put([document("a")])
    await first.close()
    trunk.calls.clear()

    second = open_service(settings, trunk)
    index = await (await opened(second)).index()

    assert [entry.document_id for entry in index.entries] == ["a"]
    assert trunk.calls == []
    await second.close()


@pytest.mark.parametrize("damage", ["corrupt", "unreadable"])
async def test_an_index_that_cannot_be_read_is_rebuilt(
    settings: SupportSettings, trunk: FakeTrunk, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    first = open_service(settings, trunk)
    await (await opened(first)).put([document("a")])
    await first.close()
    if damage == "corrupt":
        (vectors,) = settings.index_dir.rglob("passages.faiss")
        content = bytearray(vectors.read_bytes())
        content[-1] ^= 1
        vectors.write_bytes(content)
    else:
        (lock,) = settings.index_dir.rglob(".lock")
        lock.unlink()
        lock.mkdir()

    second = open_service(settings, trunk)
    with caplog.at_level(logging.WARNING):
        found_ids = await found(second, await opened(second), "a")

    assert found_ids == ["a"]
    assert "an index is rebuilt" in caplog.text
    await second.close()


async def test_an_index_is_saved_when_writes_have_settled(
    service: SupportService, settings: SupportSettings
) -> None:
    base = await opened(service)
    await base.put([document("a")])
    saver = base._saver
    assert saver is not None

    await saver

    (pointer,) = settings.index_dir.rglob("CURRENT")
    assert pointer.parent.name == base.uid


async def test_an_index_that_cannot_be_saved_costs_no_answer(
    service: SupportService, settings: SupportSettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.index_dir.write_text("a file where a folder should be")
    base = await opened(service)

    await base.put([document("a")])
    await base.close()

    assert "an index was not saved" in caplog.text
    assert await found(service, base, "a") == ["a"]


async def test_a_new_champion_changes_nothing_until_a_rebuild(
    service: SupportService, trunk: FakeTrunk
) -> None:
    base = await opened(service)
    await base.put([document("a")])
    old = trunk.embed_bundle
    trunk.champion("embed@000000000002")

    await base.put([document("b")])
    assert (await base.index()).bundle == old
    await found(service, base, "a")
    assert trunk.calls[-1][0].task == old

    index = await base.rebuild()

    assert index.bundle == "embed@000000000002"
    assert len(index.entries) == 2
    await base.put([document("c")])
    assert trunk.calls[-1][0].task == "embed@000000000002"


async def test_a_bundle_that_is_gone_is_named_and_a_rebuild_helps(
    service: SupportService, trunk: FakeTrunk
) -> None:
    base = await opened(service)
    await base.put([document("a")])
    trunk.known_bundles.clear()
    trunk.champion("embed@000000000002")

    with pytest.raises(ArtifactError, match=r"embed@000000000001.*rebuild"):
        await found(service, base, "a")
    with pytest.raises(ArtifactError, match="rebuild"):
        await base.put([document("b")])
    await base.rebuild()

    assert await found(service, base, "a") == ["a"]


class WritesDuringRebuild(FakeTrunk):
    """Lets a test act while documents are embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()
        self.holds = False

    async def encode(
        self,
        calls: Sequence[TaskCall],
        *,
        app: str,
        priority: Priority = Priority.INTERACTIVE,
        timeout_s: float | None = None,
    ) -> list[TaskOutput]:
        if self.holds and calls[0].task == "embed@000000000002":
            self.holds = False
            self.entered.set()
            await self.go_on.wait()
        return await super().encode(calls, app=app, priority=priority, timeout_s=timeout_s)


async def test_writes_during_a_rebuild_are_not_lost(settings: SupportSettings) -> None:
    trunk = WritesDuringRebuild()
    service = open_service(settings, trunk)
    base = await opened(service)
    await base.put([document("a"), document("b")])
    trunk.champion("embed@000000000002")
    trunk.holds = True

    rebuilding = asyncio.create_task(base.rebuild())
    await trunk.entered.wait()
    await base.put([document("c")])
    await base.delete("a")
    trunk.go_on.set()
    index = await rebuilding

    assert {e.document_id for e in index.entries} == {"b", "c"}
    assert await base.index() is index
    await service.close()


async def test_a_client_that_goes_away_leaves_the_write_whole(
    service: SupportService, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = await opened(service)
    await base.put([document("a")])
    committing = asyncio.Event()
    swap = base._swap

    async def slow_swap(*arguments: object) -> None:
        committing.set()
        await asyncio.sleep(0)
        await swap(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(base, "_swap", slow_swap)
    writing = asyncio.create_task(base.put([document("b")]))
    await committing.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert {e.document_id for e in (await base.index()).entries} == {"a", "b"}


async def test_a_failed_embedding_writes_nothing(service: SupportService, trunk: FakeTrunk) -> None:
    base = await opened(service)
    await base.put([document("a")])
    trunk.error = DependencyError("away")

    with pytest.raises(DependencyError):
        await base.put([document("b")])
    trunk.error = None

    assert await found(service, base, "b") == ["a"]
    with pytest.raises(NotFoundError):
        await service.knowledge_bases.document("default", "kb", "b")


async def test_a_document_without_readable_text_is_refused(service: SupportService) -> None:
    base = await opened(service)

    with pytest.raises(InputError, match=r"'empty'.*html"):
        await base.put([document("ok"), document("empty", "<script>x</script>", TextFormat.HTML)])

    assert (await base.index()).entries == ()


class FullTrunk(FakeTrunk):
    """Refuses every other bulk call."""

    refused = 0

    async def encode(
        self,
        calls: Sequence[TaskCall],
        *,
        app: str,
        priority: Priority = Priority.INTERACTIVE,
        timeout_s: float | None = None,
    ) -> list[TaskOutput]:
        if priority is Priority.BULK and self.refused == 0:
            self.refused += 1
            raise OverloadedError("full", retry_after_s=0.0)
        return await super().encode(calls, app=app, priority=priority, timeout_s=timeout_s)


async def test_a_bulk_write_waits_while_the_trunk_is_full(settings: SupportSettings) -> None:
    trunk = FullTrunk()
    service = open_service(settings, trunk)
    base = await opened(service)

    await base.put([document(f"d{n}") for n in range(50)])

    assert trunk.refused == 1
    assert len((await base.index()).entries) == 50
    await service.close()


async def test_a_dropped_knowledge_base_takes_everything_with_it(
    service: SupportService, settings: SupportSettings
) -> None:
    base = await opened(service)
    await base.put([document("a")])
    await base.close()

    await service.knowledge_bases.drop("default", "kb")

    with pytest.raises(NotFoundError):
        await service.knowledge_bases.get("default", "kb")
    with pytest.raises(NotFoundError):
        await base.put([document("b")])
    assert not (settings.index_dir / base.uid).exists()
    again = await opened(service)
    assert (await again.index()).entries == ()


async def test_tenants_do_not_see_each_other(service: SupportService) -> None:
    mine = await service.knowledge_bases.create("mine", "kb")
    theirs = await service.knowledge_bases.create("theirs", "kb")
    await mine.put([document("secret")])

    assert await found(service, theirs, "secret") == []
    with pytest.raises(NotFoundError):
        await service.knowledge_bases.document("theirs", "kb", "secret")
    assert [r.documents for r in await service.knowledge_bases.of_tenant("theirs")] == [0]


async def test_searches_during_writes_see_one_state_or_the_next(service: SupportService) -> None:
    base = await opened(service)
    await base.put([document("d0")])

    async def write() -> None:
        for number in range(1, 15):
            await base.put([document(f"d{number}")])

    async def read() -> None:
        seen = 1
        for _ in range(30):
            count = len(set(await found(service, base, "title")))
            assert min(count, 10) >= min(seen, 10)
            seen = max(seen, count)

    await asyncio.gather(write(), read(), read())


def test_several_replicas_on_one_sqlite_file_are_refused(tmp_path: Path) -> None:
    settings = SupportSettings(state_dir=tmp_path, replicas=2)

    with pytest.raises(Exception, match=r"replicas: 2 on SQLite"):
        open_service(settings, FakeTrunk())
