"""On SQLite requests and the topic are stored by one process, and by no other."""

import asyncio
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr
from ray import serve

from services.recommendation.app import build
from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.reading import FeedbackReader
from services.recommendation.service import RecommendationService
from services.recommendation.store import StoredEvent
from shared.clock import SystemClock
from shared.serving.streamed import OwnStream
from tests.harness.memory_broker import MemoryBroker
from tests.harness.recommendation.application import client, until_ready
from tests.harness.recommendation.fakes import FakeTrunk
from tests.harness.waiting import until
from tests.services.recommendation.test_feedback import click, item
from tests.services.recommendation.test_feedback import send as request
from tests.services.recommendation.test_stream import running, send

ROOT = Path(__file__).parents[3]
EVENTS = 200


async def test_requests_and_the_topic_are_stored_by_one_process(tmp_path: Path) -> None:
    settings, broker = RecommendationSettings(state_dir=tmp_path), MemoryBroker(partitions=2)
    database = open_database(settings)
    with running(settings, broker, database) as stream:
        probe = OwnStream(stream)
        service = RecommendationService(settings, FakeTrunk(), database, probe, SystemClock())
        service.start()
        await until_ready(service)
        async with client(service) as http:
            send(broker, [click("topic", f"i{n}") for n in range(EVENTS)])
            for n in range(EVENTS):
                await request(http, click("request", f"i{n}"))
            await until(lambda: len(service.reader.after(0)) == 2 * EVENTS, "all are stored")
            refused = _another_writer(tmp_path)
            assert (await http.get("/readyz")).json()["checks"]["stream"] == "ready"
            metrics = (await http.get("/stream/metrics")).text
            await request(http, item("lamp", title="Lamp"))
    await service.close()

    assert "recommendation.db, and SQLite takes one writer" in refused
    assert 'banyan_feedback_events_total{outcome="stored"}' in metrics
    database = open_database(settings)
    events = FeedbackReader(database).after(0)
    database.close()
    assert [one.seq for one in events] == list(range(1, 2 * EVENTS + 2))


async def test_the_stream_tells_the_rankings_of_its_process_what_it_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.recommendation.service._ALONE_POLL_S", 3600.0)
    reads: list[int] = []
    after = FeedbackReader.after

    def counted(reader: FeedbackReader, seq: int) -> list[StoredEvent]:
        reads.append(seq)
        return after(reader, seq)

    monkeypatch.setattr(FeedbackReader, "after", counted)
    settings, broker = RecommendationSettings(state_dir=tmp_path), MemoryBroker()
    database = open_database(settings)
    with running(settings, broker, database) as stream:
        probe = OwnStream(stream)
        service = RecommendationService(settings, FakeTrunk(), database, probe, SystemClock())
        service.start()
        await until_ready(service)
        for number in range(3):
            send(broker, [click("topic", f"i{number}")])
            await until(partial(_has_applied, service, number + 1), "it is applied at once")
        await asyncio.sleep(0.5)
        before = len(reads)
        await asyncio.sleep(1.0)
        assert len(reads) == before
    await service.close()


def _has_applied(service: RecommendationService, seq: int) -> bool:
    assert service._follower is not None
    return service._follower.rankings.applied_seq == seq


def _another_writer(folder: Path) -> str:
    """What a second process says that would write, too."""
    program = (
        "import sys; from pathlib import Path; from shared.storage import one_writer; "
        "one_writer.hold.__defaults__ = (0.1,); "
        "from services.recommendation.database import open_database; "
        "from services.recommendation.config import RecommendationSettings; "
        "open_database(RecommendationSettings(state_dir=Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).stderr


@pytest.mark.parametrize(
    ("url", "with_host"), [(None, False), ("postgresql+psycopg://u@h/d", True)]
)
def test_only_postgresql_has_a_process_of_its_own_for_the_topic(
    tmp_path: Path, url: str | None, with_host: bool
) -> None:
    settings: dict[str, object] = {"state_dir": tmp_path}
    if url is not None:
        settings["database_url"] = SecretStr(url)
    application = build(settings)

    *_, host = cast(tuple[object, ...], application._bound_deployment.init_args)
    assert isinstance(host, serve.Application) is with_host
    assert (host is None) is not with_host
