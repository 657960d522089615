"""The application in this process: real database, real index, a trunk without a model."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.support.confidence import load_calibration
from services.support.config import SupportSettings
from services.support.routes import routes
from services.support.service import SupportService, open_service
from tests.harness.support.fakes import FakeTrunk


@pytest.fixture
def settings(tmp_path: Path) -> SupportSettings:
    return SupportSettings(state_dir=tmp_path, save_after_s=0.0)


@pytest.fixture
def trunk() -> FakeTrunk:
    return FakeTrunk()


@pytest.fixture
async def service(settings: SupportSettings, trunk: FakeTrunk) -> AsyncIterator[SupportService]:
    service = open_service(settings, trunk)
    # The confidence that ships, as if it had been made with the fake's bundles.
    bundles = {"embed_bundle": trunk.embed_bundle, "intent_bundle": trunk.intent_bundle}
    service.assistant.calibration = load_calibration().model_copy(update=bundles)
    yield service
    await service.close()


@pytest.fixture
async def http(service: SupportService) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(routes(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://support") as client:
        yield client
