"""Work that a cancellation does not cut in half."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import ParamSpec, TypeVar

_T = TypeVar("_T")
_P = ParamSpec("_P")


async def to_the_end(work: Coroutine[None, None, _T]) -> _T:
    """Runs what must not be left halfway: a client that goes away, or a close, waits for it."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def in_thread(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """`asyncio.to_thread`, which a cancellation waits for: what it uses may be closed next."""
    return await to_the_end(asyncio.to_thread(work, *args, **kwargs))
