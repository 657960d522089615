"""Work that a cancellation does not cut in half."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

_T = TypeVar("_T")


async def to_the_end(work: Coroutine[None, None, _T]) -> _T:
    """Runs what must not be left halfway: a client that goes away, or a close, waits for it."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
