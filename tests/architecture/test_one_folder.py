"""Another application and another sink are one folder each: nothing else is touched.

The folder `votes` is what CONTRIBUTING's steps make, through public names of `shared` alone.
"""

import ast
import time
from pathlib import Path

import httpx

from shared.serving.streamed import OwnStream
from tests.architecture.votes.app import build, open_database
from tests.architecture.votes.config import VoteSettings
from tests.architecture.votes.routes import routes
from tests.architecture.votes.service import VoteService
from tests.architecture.votes.stream import vote_stream
from tests.harness.memory_broker import MemoryBroker

VOTES = Path(__file__).with_name("votes")
WAIT_S = 60.0


async def test_a_made_up_application_with_its_sink(tmp_path: Path) -> None:
    settings, broker = VoteSettings(state_dir=tmp_path), MemoryBroker()
    database, told = open_database(settings), tmp_path / "results.txt"
    stream = vote_stream(
        settings,
        consumer=broker.consumer(settings.topic, settings.group),
        producer=broker.producer(),
        database=database,
    )
    producer = broker.producer()
    for value in (b'{"choice": "tea"}', b"{", b'{"choice": "coffee"}', b'{"choice": "tea"}'):
        producer.send(settings.topic, value, key=b"one")
    producer.flush(1.0)
    stream.start()
    try:
        deadline = time.monotonic() + WAIT_S
        while len(_lines(told)) < 3 or not broker.records(settings.dead_letters_topic):
            assert time.monotonic() < deadline, stream.status
            time.sleep(0.02)
        service = VoteService(settings, database, OwnStream(stream))
        transport = httpx.ASGITransport(routes(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://votes") as http:
            assert (await http.get("/votes")).json() == {"tea": 2, "coffee": 1}
            checks = (await http.get("/readyz")).json()["checks"]
        assert checks == dict.fromkeys(("broker", "stream", "results"), "ready")
        stream.check_health()
    finally:
        stream.stop()
    assert _lines(told) == ["tea", "coffee", "tea"]
    (letter,) = broker.records(settings.dead_letters_topic)
    assert letter.value == b"{"
    await service.close()


def test_its_deployments_are_built(tmp_path: Path) -> None:
    assert build({"state_dir": str(tmp_path)}) is not None


def test_the_folder_uses_public_names_of_shared_alone() -> None:
    modules = [file for file in VOTES.rglob("*.py") if file.name != "__init__.py"]
    assert len(modules) > 5
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith(("services", "pipelines")), module
                assert not [name.name for name in node.names if name.name.startswith("_")], module


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []
