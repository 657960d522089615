"""A backup of the version before restores, and the applications go on from what it holds.

`backup_before.tar.gz` was made by `banyan backup` of that version: two bundles of a task and two
rankers with their aliases, a knowledge base of two documents with its index, a shop of six items
with its ranking snapshot, an empty database of news, and a key.
"""

import logging
import tarfile
from pathlib import Path

import pytest

import services.sentiment.migrations
from services.cli.settings import PlatformSettings
from services.cli.state.backup import put_back
from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.service import RecommendationService
from services.support.answers.readings import Turn
from services.support.config import SupportSettings
from services.support.service import open_service as open_support
from shared.artifacts.promotion import roll_back
from shared.clock import ManualClock
from shared.http.keys import KeyStore
from shared.models.registry import open_registry
from shared.ranking.rankers.bundle import RANKER
from shared.ranking.rankers.registry import open_rankers, read_scorer
from shared.storage.database import Database
from shared.storage.migrations import migrate
from tests.harness.recommendation import fakes as recommendation
from tests.harness.recommendation.application import client, until_ready
from tests.harness.support import fakes as support
from tests.services.recommendation.test_rank import NOW_MS, SHOP

BACKUP = Path(__file__).with_name("backup_before.tar.gz")


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    with tarfile.open(BACKUP) as file:
        file.extractall(tmp_path / "backup", filter="data")
    settings = PlatformSettings(state_dir=tmp_path / "var")
    assert "28 files" in put_back(settings, tmp_path / "backup")
    return settings.state_dir


def test_bundles_and_their_aliases_are_read(state_dir: Path) -> None:
    registry = open_registry(state_dir / "models")

    assert registry.resolve("intent") == registry.resolve("intent", "candidate")
    champion = registry.bundle(registry.resolve("intent"))
    assert champion.manifest.labels == ("no", "yes")
    before, now = roll_back(registry, "intent", command="a test", at_s=2.0)
    assert before == champion.id
    assert registry.bundle(now).manifest.files != champion.manifest.files
    assert len(list((state_dir / "models/intent/promotions").iterdir())) == 3
    # The same content has the same id as before.
    assert registry.register(champion.folder) == champion


def test_rankers_and_their_aliases_are_read(state_dir: Path) -> None:
    rankers = open_rankers(state_dir / "rankers")

    champion = rankers.bundle(rankers.resolve("default"))
    assert champion.id == "default@209e80ae4957"
    read_scorer(rankers, champion.id)
    _, now = roll_back(rankers, "default", command="a test", at_s=0.0)
    assert now == "default@bbd4a7d287e7"
    read_scorer(rankers, now)
    text = (champion.folder / "ranker.txt").read_text()

    def write_files(folder: Path) -> None:
        (folder / "ranker.txt").write_text(text)

    assert RANKER.write(state_dir / "rankers", champion.manifest, write_files) == champion


async def test_an_index_of_passages_that_are_now_cut_otherwise_is_rebuilt(
    state_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trunk = support.FakeTrunk()
    service = open_support(SupportSettings(state_dir=state_dir), trunk)
    base = await service.knowledge_bases.get("default", "kb")
    with caplog.at_level(logging.WARNING):
        hits = await service.assistant.search(base, Turn(("zebra",)), 1)
    await service.close()

    assert [each.hit.entry.document_id for each in hits] == ["zebra"]
    assert trunk.embedded_texts[-1] == "zebra"
    assert len(trunk.embedded_texts) > 1
    assert "rebuilt" in caplog.text


async def test_rankings_start_from_their_snapshot_and_ask_for_a_key(
    state_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = RecommendationSettings(state_dir=state_dir)
    secret = KeyStore(state_dir / "keys.json").create("another")
    headers = {"Authorization": f"Bearer {secret}"}
    trunk, probe = recommendation.FakeTrunk(), recommendation.FakeProbe()
    database, clock = open_database(settings), ManualClock(NOW_MS / 1000)
    service = RecommendationService(settings, trunk, database, probe, clock)
    with caplog.at_level(logging.WARNING):
        service.start()
        await until_ready(service)
    async with client(service) as http:
        assert (await http.get("/popular?n=9")).status_code == 401
        found = (await http.get("/popular?n=9", headers=headers)).json()["items"]
    await service.close()

    assert {each["item"] for each in found} == set(SHOP)
    assert "made from all stored events" not in caplog.text


def test_the_database_of_news_is_migrated(state_dir: Path) -> None:
    database = Database(f"sqlite:///{state_dir / 'sentiment.db'}", schema="sentiment")
    migrate(database, Path(services.sentiment.migrations.__file__).parent)
    database.close()
