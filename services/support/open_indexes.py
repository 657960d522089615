"""How many indexes stay in memory: those used last, up to a number of bytes."""

import asyncio
from collections import OrderedDict
from typing import Protocol

from shared.retrieval.index import Index
from shared.telemetry import INDEX_BYTES


class Owner(Protocol):
    """A knowledge base, as far as its memory goes."""

    uid: str

    async def unload(self) -> bool:
        """Frees the index's memory if the disk has it; returns whether none is in memory."""


class OpenIndexes:
    """Lets the indexes go that were not used for longest, while all together are over `max_bytes`.

    The one used last stays, however large it is. One that went is read from disk at its next use.
    For one event loop.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._used: OrderedDict[str, tuple[Owner, Index, int]] = OrderedDict()
        self._bytes = 0
        self._releasing: asyncio.Task[None] | None = None

    def used(self, owner: Owner, index: Index) -> None:
        """Somebody asks this index now."""
        known = self._used.get(owner.uid)
        if known is not None and known[1] is index:
            self._used.move_to_end(owner.uid)
            return
        self.forget(owner.uid)
        size = index.memory_bytes
        self._used[owner.uid] = (owner, index, size)
        self._count(size)
        if self._is_over and (self._releasing is None or self._releasing.done()):
            self._releasing = asyncio.create_task(self._release())

    def forget(self, uid: str) -> None:
        """The index of this knowledge base is in memory no more."""
        known = self._used.pop(uid, None)
        if known is not None:
            self._count(-known[2])

    @property
    def _is_over(self) -> bool:
        return self._bytes > self._max_bytes and len(self._used) > 1

    async def _release(self) -> None:
        for uid, (owner, _, _) in list(self._used.items()):
            if not self._is_over:
                return
            if uid != next(reversed(self._used)) and await owner.unload():
                self.forget(uid)

    def _count(self, added: int) -> None:
        self._bytes += added
        INDEX_BYTES.set(self._bytes)
