"""What an advisory lock promises, on every database; and that knowledge bases hold one."""

import asyncio
from pathlib import Path

import pytest

from services.support.config import SupportSettings
from services.support.service import SupportService
from shared.clock import SystemClock
from shared.storage.advisory_lock import AdvisoryLock, hold
from shared.storage.database import Database
from shared.storage.migrations import migrate
from tests.contracts.test_document_store import MIGRATIONS, article
from tests.harness.support.fakes import FakeTrunk

LOCK = AdvisoryLock(7, longest_s=60, poll_s=0.01)


async def test_a_lock_is_held_again_after_it_ended(database: Database) -> None:
    for _ in range(2):
        async with hold(database, LOCK):
            pass
    with pytest.raises(ValueError, match="mine"):
        async with hold(database, LOCK):
            raise ValueError("mine")
    async with hold(database, LOCK):
        pass


async def test_two_processes_never_hold_it_at_once(postgres_url: str) -> None:
    databases = [Database(postgres_url, schema="support") for _ in range(3)]
    now, most, done = 0, 0, 0

    async def work(database: Database) -> None:
        nonlocal now, most, done
        for _ in range(5):
            async with hold(database, LOCK):
                now += 1
                most = max(most, now)
                await asyncio.sleep(0.01)
                now -= 1
                done += 1

    await asyncio.gather(*map(work, databases))

    assert (most, done) == (1, 15)
    for database in databases:
        database.close()


async def test_who_dies_loses_the_lock_and_other_work_has_its_own(postgres_url: str) -> None:
    dying, living = (Database(postgres_url, schema="support") for _ in range(2))
    other = AdvisoryLock(8, longest_s=60, poll_s=0.01)
    had = asyncio.Event()

    async def die() -> None:
        async with hold(dying, LOCK):
            had.set()
            await asyncio.Event().wait()

    held = asyncio.create_task(die())
    await had.wait()
    async with hold(living, other):
        pass

    async def wait() -> None:
        async with hold(living, LOCK):
            pass

    waiting = asyncio.create_task(wait())
    assert not (await asyncio.wait([waiting], timeout=0.1))[0]
    with living.write() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )
    await asyncio.wait_for(waiting, 20)

    held.cancel()
    await asyncio.wait([held])
    dying.close()
    living.close()


async def test_replicas_on_one_disk_embed_a_knowledge_base_once(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = SupportSettings(state_dir=tmp_path, save_after_s=0.05, refresh_s=0.01)
    databases = [Database(postgres_url, schema="support") for _ in range(2)]
    with databases[0].write() as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS support CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA support")
    migrate(databases[0], MIGRATIONS)
    trunk = FakeTrunk()
    replicas = [SupportService(settings, trunk, one, SystemClock()) for one in databases]
    bases = [await one.knowledge_bases.create("default", "kb") for one in replicas]
    await bases[0].put([article(f"d{n}", f"Text {n}.") for n in range(5)])
    for base in bases:
        assert len((await base.index()).entries) == 5
    trunk.champion("embed@000000000002")
    trunk.calls.clear()

    await asyncio.gather(*(replica._follower.follow() for replica in replicas))

    for base in bases:
        assert await base.bundle() == "embed@000000000002"
        assert len((await base.index()).entries) == 5
    embedded = [text for text in trunk.embedded_texts if text != "embed"]
    assert len(embedded) == len(set(embedded))
    for replica in replicas:
        await replica.close()
