"""The application in this process: its client, and waiting for what it does in the background."""

import asyncio
import time

import httpx

from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.routes import routes
from services.recommendation.service import RecommendationService
from shared.clock import Clock, SystemClock
from shared.http.streams import StreamProbe
from shared.serving.trunk import Trunk

WAIT_S = 20.0


def open_service(
    settings: RecommendationSettings, trunk: Trunk, probe: StreamProbe, clock: Clock | None = None
) -> RecommendationService:
    """The application's parts put together on its database, not yet started."""
    database = open_database(settings)
    return RecommendationService(settings, trunk, database, probe, clock or SystemClock())


def client(service: RecommendationService) -> httpx.AsyncClient:
    """A client of the application's routes."""
    transport = httpx.ASGITransport(routes(service))
    return httpx.AsyncClient(transport=transport, base_url="http://recommend")


async def until_ready(service: RecommendationService) -> None:
    """Waits until all stored events are applied."""

    async def ready() -> bool:
        return (await service.readiness())["rankings"] == "ready"

    deadline_s = time.monotonic() + WAIT_S
    while not await ready():
        assert time.monotonic() < deadline_s, await service.readiness()
        await asyncio.sleep(0.01)
