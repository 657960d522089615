"""All HTTP applications in this process, on fakes of the model: for what must hold in each."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from services.backbone.config import BackboneSettings
from services.backbone.routes import routes as backbone_routes
from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database as open_behaviour
from services.recommendation.routes import routes as recommendation_routes
from services.recommendation.service import RecommendationService
from services.sentiment.config import SentimentSettings
from services.sentiment.routes import routes as sentiment_routes
from services.sentiment.service import SentimentService, open_database
from services.support.config import SupportSettings
from services.support.routes import routes as support_routes
from services.support.service import open_service as open_support
from shared.clock import SystemClock
from shared.models.registry import open_registry
from shared.models.tasks import TaskKind
from shared.serving.encoder import Encoder
from tests.harness.fake_runner import FakeRunner, make_bundle
from tests.harness.recommendation import fakes as recommendation
from tests.harness.recommendation.application import until_ready
from tests.harness.sentiment import fakes as sentiment
from tests.harness.support import fakes as support


@asynccontextmanager
async def _backbone(folder: Path) -> AsyncIterator[FastAPI]:
    registry = open_registry(folder / "models", shipped=None)
    make_bundle(registry, "embed")
    make_bundle(registry, "intent", TaskKind.CLASSIFY)
    settings = BackboneSettings(state_dir=folder)
    encoder = Encoder(FakeRunner(), registry, settings.encoder)
    yield backbone_routes(encoder, settings)
    encoder.close()


@asynccontextmanager
async def _support(folder: Path) -> AsyncIterator[FastAPI]:
    service = open_support(SupportSettings(state_dir=folder), support.FakeTrunk())
    await service.knowledge_bases.create("default", "help-centre")
    yield support_routes(service)
    await service.close()


@asynccontextmanager
async def _sentiment(folder: Path) -> AsyncIterator[FastAPI]:
    settings = SentimentSettings(state_dir=folder)
    database = open_database(settings)
    trunk, probe = sentiment.FakeTrunk(), sentiment.FakeProbe()
    service = SentimentService(settings, trunk, database, probe, None, SystemClock())
    yield sentiment_routes(service)
    await service.close()


@asynccontextmanager
async def _recommendation(folder: Path) -> AsyncIterator[FastAPI]:
    settings = RecommendationSettings(state_dir=folder)
    trunk, probe = recommendation.FakeTrunk(), recommendation.FakeProbe()
    database = open_behaviour(settings)
    service = RecommendationService(settings, trunk, database, probe, SystemClock())
    service.start()
    await until_ready(service)
    yield recommendation_routes(service)
    await service.close()


APPLICATIONS: dict[str, Callable[[Path], AbstractAsyncContextManager[FastAPI]]] = {
    "backbone": _backbone,
    "support": _support,
    "sentiment": _sentiment,
    "recommendation": _recommendation,
}


@asynccontextmanager
async def client_of(name: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one of the applications."""
    async with APPLICATIONS[name](folder) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            yield http
