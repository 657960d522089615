"""The application in this process: real database, a trunk without a model, a host that is told."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from services.recommendation.config import RecommendationSettings
from services.recommendation.routes import routes
from services.recommendation.service import RecommendationService, open_service
from tests.services.recommendation.fakes import FakeProbe, FakeTrunk

WAIT_S = 20.0


@pytest.fixture
def settings(tmp_path: Path) -> RecommendationSettings:
    return RecommendationSettings(state_dir=tmp_path, champion_check_s=0.2)


@pytest.fixture
def trunk() -> FakeTrunk:
    return FakeTrunk()


@pytest.fixture
def probe() -> FakeProbe:
    return FakeProbe()


@pytest.fixture
async def service(
    settings: RecommendationSettings, trunk: FakeTrunk, probe: FakeProbe
) -> AsyncIterator[RecommendationService]:
    service = open_service(settings, trunk, probe)
    service.start()
    await until_ready(service)
    yield service
    await service.close()


@pytest.fixture
async def http(service: RecommendationService) -> AsyncIterator[httpx.AsyncClient]:
    async with client(service) as http:
        yield http


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


async def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for a condition."""
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, what
        await asyncio.sleep(0.01)
