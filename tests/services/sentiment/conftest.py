"""The application in this process: real database, a trunk without a model, a host that is told."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import pytest

from services.sentiment.config import SentimentSettings
from services.sentiment.routes import routes
from services.sentiment.service import SentimentService, open_database
from services.sentiment.store import NewsStore
from shared.clock import SystemClock
from shared.sentiment.surge import SurgeDetector
from shared.storage.database import Database
from tests.harness.sentiment.fakes import FakeProbe, FakeTrunk

COMPANIES = (
    {"entity": "Acme", "aliases": ["Acme Corporation"], "tickers": ["ACM"]},
    {"entity": "Bolt", "aliases": ["Bolt Motors"]},
)


@pytest.fixture
def settings(tmp_path: Path) -> SentimentSettings:
    companies = tmp_path / "companies.jsonl"
    companies.write_bytes(b"\n".join(map(orjson.dumps, COMPANIES)))
    return SentimentSettings(
        state_dir=tmp_path,
        entities_file=companies,
        event_poll_s=0.05,
        event_comment_s=0.2,
        max_listeners=2,
    )


@pytest.fixture
def trunk() -> FakeTrunk:
    return FakeTrunk()


@pytest.fixture
def probe() -> FakeProbe:
    return FakeProbe()


@pytest.fixture
def store(settings: SentimentSettings) -> NewsStore:
    """A stream's writer on the application's database, as another process has it."""
    return store_on(open_database(settings), settings)


def store_on(database: Database, settings: SentimentSettings) -> NewsStore:
    return NewsStore(
        database,
        SurgeDetector(settings.surge),
        allowed_lateness_s=settings.allowed_lateness_s,
        max_skew_s=settings.max_skew_s,
        has_webhook=False,
    )


@pytest.fixture
async def service(
    settings: SentimentSettings, trunk: FakeTrunk, probe: FakeProbe
) -> AsyncIterator[SentimentService]:
    service = SentimentService(
        settings, trunk, open_database(settings), probe, "127.0.0.1:9092", SystemClock()
    )
    yield service
    await service.close()


@pytest.fixture
async def http(service: SentimentService) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(routes(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://sentiment") as client:
        yield client
