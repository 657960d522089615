"""The application in this process: real database, a trunk without a model, a host that is told."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.recommendation.config import RecommendationSettings
from services.recommendation.service import RecommendationService
from tests.harness.recommendation.application import client, open_service, until_ready
from tests.harness.recommendation.fakes import FakeProbe, FakeTrunk


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
