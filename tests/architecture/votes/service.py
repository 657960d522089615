"""What the routes call."""

import asyncio
from collections.abc import Mapping

from shared.clock import SystemClock
from shared.http.streams import StreamProbe, stream_checks
from shared.storage.database import Database
from tests.architecture.votes.config import VoteSettings
from tests.architecture.votes.store import RESULTS, VoteStore


class VoteService:
    """Made once for each process that serves HTTP."""

    def __init__(self, settings: VoteSettings, database: Database, probe: StreamProbe) -> None:
        self.settings = settings
        self._database = database
        self._probe = probe
        self._store = VoteStore(database, SystemClock())

    def start(self) -> None:
        """It has no threads."""

    def check_health(self) -> None:
        """It has no threads that could have ended."""

    async def close(self) -> None:
        """Closes the database."""
        await asyncio.to_thread(self._database.close)

    async def readiness(self) -> Mapping[str, str]:
        """Whether the stream and its sink are well."""
        return await stream_checks(self._probe, "broker", "stream", RESULTS)

    async def votes(self) -> dict[str, int]:
        """Votes by choice."""
        return await asyncio.to_thread(self._store.counted)
