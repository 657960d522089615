"""The application in this process: real database, real index, a trunk without a model."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.support.config import SupportSettings
from services.support.routes import routes
from services.support.service import SupportService, open_service
from shared.retrieval.confidence import Calibration
from tests.harness.support.fakes import FakeTrunk, FixedConfidence

CALIBRATION = Calibration(
    name="made-up",
    embed_bundle="embed@000000000001",
    intent_bundle="intent@1",
    judge_weight=0.05,
    weights={
        "dense": 12.9583,
        "coverage": 1.2371,
        "margin": 3.9095,
        "has_intent": -4.6327,
        "intent": 13.0,
        "judge": 0.0,
        "judge_odds": 0.0,
        "follow_up": 0.0,
        "faq": 0.0,
        "faq_dense": 0.0,
    },
    intercept=-8.0951,
    threshold=0.4,
    command="by hand",
    created_at="2026-11-30T00:00:00+00:00",
)
"""Constants with which the words and vectors of the fake trunk decide, without a judge."""


@pytest.fixture
def settings(tmp_path: Path) -> SupportSettings:
    return SupportSettings(state_dir=tmp_path, save_after_s=0.0)


@pytest.fixture
def trunk() -> FakeTrunk:
    return FakeTrunk()


@pytest.fixture
async def service(settings: SupportSettings, trunk: FakeTrunk) -> AsyncIterator[SupportService]:
    service = open_service(settings, trunk)
    service.assistant.relevances.default.confidence = FixedConfidence(CALIBRATION)
    yield service
    await service.close()


@pytest.fixture
async def http(service: SupportService) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(routes(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://support") as client:
        yield client
