"""Alerts as server-sent events: one poller for all listeners of a process.

Source: WHATWG HTML, section 9.2 (Server-sent events).
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator

import orjson

from services.sentiment.reading import AlertEvent, NewsReader
from shared.errors import OverloadedError, PlatformError

LOGGER = logging.getLogger(__name__)

_PAGE = 200
_KEPT = 1000
_RETRY_MS = 2000
_RETRY_POLL_S = 2.0


class AlertFeed:
    """Follows the table of events, whichever process writes it, while anybody listens.

    A listener remembers the number of its last event. What the feed still holds it reads from
    there, what is older from the database: a slow listener costs nothing and misses nothing.
    """

    def __init__(
        self, reader: NewsReader, *, poll_s: float, comment_s: float, max_listeners: int
    ) -> None:
        self._reader = reader
        self._poll_s = poll_s
        self._comment_s = comment_s
        self._max_listeners = max_listeners
        self._listeners = 0
        self._recent: deque[AlertEvent] = deque(maxlen=_KEPT)
        self._since = 0
        self._last = 0
        self._grown = asyncio.Condition()
        self._poller: asyncio.Task[None] | None = None
        self._is_closed = False

    async def listen(self, tenant: str, last_id: int | None) -> AsyncGenerator[bytes, None]:
        """A tenant's events after `last_id`; without one, those that come from now on.

        Raises:
            OverloadedError: too many listen already.
            DependencyError: the database does not answer.
        """
        if self._listeners >= self._max_listeners:
            raise OverloadedError(
                f"{self._listeners} listen already (limit {self._max_listeners}): close one, or "
                "come back later",
                retry_after_s=10.0,
            )
        newest = await asyncio.to_thread(self._reader.last_event)
        # An id of a database that was recreated may lie ahead of all: then all is new.
        after = newest if last_id is None else (last_id if last_id <= newest else 0)
        return self._stream(tenant, after, newest)

    async def close(self) -> None:
        """Ends all streams; their clients come back to another replica with their last id."""
        self._is_closed = True
        if self._poller is not None:
            self._poller.cancel()
        async with self._grown:
            self._grown.notify_all()

    async def _stream(self, tenant: str, after: int, newest: int) -> AsyncGenerator[bytes, None]:
        # Here and not in `listen`: of a stream that nobody ever read, no end is heard.
        self._joined(newest)
        try:
            yield f"retry: {_RETRY_MS}\n\n".encode()
            while not self._is_closed:
                try:
                    seen, events = await self._after(tenant, after)
                except PlatformError as error:
                    LOGGER.warning("alerts cannot be read", extra={"reason": str(error)})
                    await asyncio.sleep(_RETRY_POLL_S)
                    yield b": the database does not answer\n\n"
                    continue
                for event in events:
                    yield _lines(event)
                if seen == after and not await self._wait(after):
                    yield b": nothing new\n\n"
                after = seen
        finally:
            self._left()

    async def _after(self, tenant: str, after: int) -> tuple[int, list[AlertEvent]]:
        """The next events of a tenant, and the number up to which all are among them."""
        if after >= self._since:
            recent = [event for event in self._recent if event.seq > after]
            return max(after, self._last), [event for event in recent if event.tenant == tenant]
        # The feed holds all that comes after `since`, and up to there the table is complete.
        since = self._since
        events = await asyncio.to_thread(self._reader.events, after, _PAGE, tenant)
        if len(events) == _PAGE and events[-1].seq <= since:
            return events[-1].seq, events
        return since, [event for event in events if event.seq <= since]

    async def _wait(self, after: int) -> bool:
        """Waits for events after a number; False when it is time for a comment."""
        try:
            async with asyncio.timeout(self._comment_s), self._grown:
                await self._grown.wait_for(lambda: self._last > after or self._is_closed)
        except TimeoutError:
            return False
        return True

    def _joined(self, newest: int) -> None:
        self._listeners += 1
        if self._poller is None or self._poller.done():
            self._recent.clear()
            self._since = self._last = newest
            self._poller = asyncio.create_task(self._poll())

    def _left(self) -> None:
        self._listeners -= 1
        if not self._listeners and self._poller is not None:
            self._poller.cancel()
            self._poller = None

    async def _poll(self) -> None:
        while True:
            wait_s = self._poll_s
            try:
                events = await asyncio.to_thread(self._reader.events, self._last, _PAGE)
            except PlatformError as error:
                LOGGER.warning("alerts cannot be read", extra={"reason": str(error)})
                events, wait_s = [], _RETRY_POLL_S
            if events:
                await self._take(events)
            if len(events) < _PAGE:
                await asyncio.sleep(wait_s)

    async def _take(self, events: list[AlertEvent]) -> None:
        async with self._grown:
            for event in events:
                if len(self._recent) == _KEPT:
                    self._since = self._recent[0].seq
                self._recent.append(event)
            self._last = events[-1].seq
            self._grown.notify_all()


def _lines(event: AlertEvent) -> bytes:
    data = orjson.dumps(event.payload)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.state.encode(), data)
