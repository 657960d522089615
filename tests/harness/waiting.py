"""Waiting for what another thread, another process or the event loop does."""

import asyncio
import time
from collections.abc import Callable

LIMIT_S = 60.0
POLL_S = 0.01


def wait_for(condition: Callable[[], bool], what: str, *, timeout_s: float = LIMIT_S) -> None:
    """Polls until the condition holds; fails with its name when the time is up."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(POLL_S)


async def until(
    condition: Callable[..., bool], what: str = "it did not happen", *, timeout_s: float = LIMIT_S
) -> None:
    """The same where the event loop must go on meanwhile."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        await asyncio.sleep(0.001)
