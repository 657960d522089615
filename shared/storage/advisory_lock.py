"""Work that one process does at a time, where several share a PostgreSQL database.

The lock belongs to an open transaction: PostgreSQL frees it when the process that holds it dies,
and ends the transaction when that process lets too much time pass.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from shared.storage.database import Database


@dataclass(frozen=True, slots=True)
class AdvisoryLock:
    """Which work is done one process at a time; who holds it for `longest_s` is taken to be frozen.

    `number` is any 64-bit integer that all processes share, and no other work of the database.
    Who waits asks every `poll_s`.
    """

    number: int
    longest_s: int
    poll_s: float


@asynccontextmanager
async def hold(database: Database, lock: AdvisoryLock) -> AsyncIterator[None]:
    """Waits for the lock and holds it until the block ends; SQLite's one process always has it.

    Raises:
        DependencyError: the database does not answer.
    """
    taken = await _try(database, lock)
    while taken is None:
        await asyncio.sleep(lock.poll_s)
        taken = await _try(database, lock)
    try:
        yield
    finally:
        await asyncio.to_thread(taken.close)


async def _try(database: Database, lock: AdvisoryLock) -> ExitStack | None:
    """The lock, or None while another process has it; a cancellation waits, and frees it."""
    trying = asyncio.create_task(asyncio.to_thread(_try_lock, database, lock))
    try:
        return await asyncio.shield(trying)
    except asyncio.CancelledError:
        await asyncio.wait([trying])
        if trying.exception() is None and (taken := trying.result()) is not None:
            await asyncio.to_thread(taken.close)
        raise


def _try_lock(database: Database, lock: AdvisoryLock) -> ExitStack | None:
    """What frees the lock when it is closed; None while another process has it."""
    with ExitStack() as stack:
        if database.is_shared:
            connection = stack.enter_context(database.write())
            connection.exec_driver_sql(
                f"SET LOCAL idle_in_transaction_session_timeout = '{lock.longest_s}s'"
            )
            got = connection.execute(sa.text(f"SELECT pg_try_advisory_xact_lock({lock.number})"))
            if not got.scalar():
                return None
        return stack.pop_all()


def take_writers_turn(database: Database, connection: Connection, number: int) -> None:
    """Waits until no other writer of this number is in its transaction; lasts as long as this one.

    Raises:
        OperationalError: another one has had it for 5 s; `Database.write` makes it DependencyError.
    """
    if not database.is_shared:
        return
    # A writer that is frozen must not hold the others up for longer than it takes to notice.
    connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '10s'")
    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({number})"))
