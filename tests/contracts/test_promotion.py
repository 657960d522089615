"""Another champion embeds every item beside the vectors that serve, also across a `kill -9`."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.rankings.vectors import Bundle, VectorStore
from services.recommendation.service import RecommendationService
from shared.storage.database import Database
from tests.contracts.promoted import (
    ITEMS,
    NEW,
    NEW_WIDTH,
    OLD,
    SHARE,
    settings_of,
)
from tests.harness.recommendation.application import open_service, until_ready
from tests.harness.recommendation.fakes import FakeProbe, FakeTrunk
from tests.harness.recommendation.made import item
from tests.harness.waiting import until

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    if request.param == "sqlite":
        yield None
        return
    found: str = request.getfixturevalue("postgres_url")
    _drop(found)
    yield found
    _drop(found)


def _drop(url: str) -> None:
    """Other tests of the session have a recommendation application on this server, too."""
    database = Database(url, schema=RecommendationSettings.database)
    with database.write() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {database.schema} CASCADE")
    database.close()


def killed_on_the_way(folder: Path, url: str | None) -> tuple[int, str]:
    """How many texts the new champion had embedded when the process was killed, and its state."""
    command = [sys.executable, "-m", "tests.contracts.promoted", str(folder)]
    with subprocess.Popen(
        [*command, *([url] if url else [])], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        embedded, readiness = (process.stdout.readline() for _ in range(2))
        process.kill()
    return int(embedded), readiness.strip()


def with_vector(service: RecommendationService, bundle: str) -> int:
    """How many items have their vector where this bundle serves; 0 where another one does."""
    follower = service._follower
    if follower is None or follower.rankings.bundle != bundle:
        return 0
    return sum(follower.rankings.has_vector(("default", f"i{n}")) for n in range(ITEMS))


async def test_a_promotion_that_is_killed_on_the_way_leaves_every_vector_and_goes_on(
    tmp_path: Path, url: str | None
) -> None:
    embedded, readiness = killed_on_the_way(tmp_path, url)

    assert SHARE * ITEMS <= embedded < ITEMS
    assert readiness == (
        f"ready: embedding {100 * embedded // ITEMS} % of {ITEMS} items with {NEW}; "
        f"until then {OLD} serves"
    )
    settings = settings_of(tmp_path, url)
    database = open_database(settings)
    vectors = VectorStore(database)
    assert vectors.serving() == Bundle(OLD, 64)
    assert vectors.bundles() == [OLD, NEW]

    trunk = FakeTrunk()
    trunk.promote(NEW, NEW_WIDTH)
    trunk.may_go.clear()
    service = open_service(settings, trunk, FakeProbe())
    service.start()
    await until_ready(service)
    assert with_vector(service, OLD) == ITEMS

    # What comes on the way gets its vector of the bundle that serves, and later of the other.
    await until(trunk.entered.is_set, "the rest is being embedded")
    await service.feedback("default", [item("late", title="A late thing")])
    trunk.may_go.set()
    await until(lambda: with_vector(service, NEW) == ITEMS, "the new vectors serve")
    follower = service._follower
    assert follower is not None
    await until(lambda: follower.rankings.has_vector(("default", "late")), "and of the late one")
    # Those of the killed process were not embedded again.
    assert len(trunk.texts) - trunk.texts.count("A late thing") == ITEMS - embedded
    await until(lambda: vectors.bundles() == [NEW], "the old vectors are deleted")
    assert vectors.serving() == Bundle(NEW, NEW_WIDTH)
    await service.close()
    database.close()
