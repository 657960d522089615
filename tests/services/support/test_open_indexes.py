"""Indexes that nobody uses leave the memory, and lose nothing."""

import asyncio
from pathlib import Path

from services.support.answers.readings import Turn
from services.support.config import SupportSettings
from services.support.documents import Document
from services.support.knowledge_base import KnowledgeBase
from services.support.open_indexes import OpenIndexes
from services.support.service import SupportService, open_service
from shared.telemetry import REGISTRY
from shared.text.passages import TextFormat
from tests.harness.support.fakes import FakeTrunk
from tests.harness.waiting import until


def document(name: str) -> Document:
    text = f"All about {name}."
    return Document(name, f"Title of {name}", text, TextFormat.PLAIN, False, {})


def loaded(bases: list[KnowledgeBase]) -> list[str]:
    return [base.name for base in bases if base._index is not None]


async def filled(service: SupportService, count: int) -> list[KnowledgeBase]:
    bases = [await service.knowledge_bases.create("default", f"kb{n}") for n in range(count)]
    for base in bases:
        await base.put([document(f"{base.name}-{n}") for n in range(6)])
    return bases


async def test_what_was_not_used_for_longest_goes_and_comes_back_from_disk(
    tmp_path: Path, trunk: FakeTrunk
) -> None:
    service = open_service(SupportSettings(state_dir=tmp_path, save_after_s=0.0), trunk)
    bases = await filled(service, 4)
    for base in bases:
        await base.index()
    assert len(loaded(bases)) == 4
    size = (await bases[0].index()).memory_bytes
    await service.close()

    settings = SupportSettings(state_dir=tmp_path, max_index_mib=2.5 * size / 2**20)
    service = open_service(settings, trunk)
    bases = [await service.knowledge_bases.get("default", f"kb{n}") for n in range(4)]
    trunk.calls.clear()
    for number in (0, 1, 0, 2, 0, 3, 0):
        hits = await service.assistant.search(bases[number], Turn((f"kb{number}-3",)), 1)
        assert hits[0].hit.entry.document_id.startswith(f"kb{number}-")
    await until(lambda: len(loaded(bases)) <= 2, "the indexes")

    assert "kb0" in loaded(bases)
    in_memory = REGISTRY.get_sample_value("banyan_support_index_bytes")
    assert in_memory is not None
    assert 0 < in_memory <= settings.max_index_mib * 2**20
    # Nothing was embedded but the questions.
    assert len(trunk.embedded_texts) == 7
    # A write to one that is not in memory is seen by the next search.
    unloaded = next(base for base in bases if base.name not in loaded(bases))
    await unloaded.put([document("zebra")])
    await unloaded.unload()
    assert "zebra" in [entry.document_id for entry in (await unloaded.index()).entries]
    await service.close()


async def test_what_is_not_saved_yet_is_saved_before_it_goes(
    tmp_path: Path, trunk: FakeTrunk
) -> None:
    service = open_service(SupportSettings(state_dir=tmp_path, save_after_s=1_000.0), trunk)
    (base,) = await filled(service, 1)
    trunk.calls.clear()

    assert await base.unload()

    assert loaded([base]) == []
    assert len((await base.index()).entries) == 6
    assert trunk.embedded_texts == []
    await service.close()


async def test_one_that_is_larger_than_all_stays(tmp_path: Path, trunk: FakeTrunk) -> None:
    open_indexes = OpenIndexes(max_bytes=1)
    service = open_service(SupportSettings(state_dir=tmp_path), trunk)
    (base,) = await filled(service, 1)

    open_indexes.used(base, await base.index())
    await asyncio.sleep(0)

    assert loaded([base]) == ["kb0"]
    await service.close()
