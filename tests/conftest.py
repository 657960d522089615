"""What every test may use."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.harness.data import DATA
from tests.harness.kafka import RealKafka, real_kafka
from tests.harness.postgres import binaries, cluster

# No deadline: how long an example takes says more about the machine than about the code. In CI the
# examples are the same at every run; a developer's runs look for new ones.
settings.register_profile("banyan", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("banyan")


ONE_WORKER = {"e2e": "platform", "contracts": "brokers", "drills": "brokers"}
"""Folders whose tests share what takes long to start: one platform, one Kafka, one PostgreSQL."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Workers share the tests by file; `--dist loadgroup` groups nothing with pytest 9.2."""
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = worker_of
    return scheduler


def worker_of(nodeid: str) -> str:
    """What is one worker's: a file's tests, or those of a folder."""
    file = nodeid.partition("::")[0]
    return ONE_WORKER.get(file.removeprefix("tests/").partition("/")[0], file)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real data of tests marked `realdata`; skips where it is not."""
    if not (DATA / "support").is_dir():
        pytest.skip(f"no real data in {DATA}: set BANYAN_DATA_DIR to the folder that holds it")
    return DATA


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """The real Kafka of this session, one node."""
    with real_kafka(tmp_path_factory.mktemp("kafka") / "cluster") as running:
        yield running


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The PostgreSQL cluster of this session."""
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL's server is not installed: apt-get install postgresql")
    with cluster(folder) as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def own_cores() -> None:
    """torch takes a worker's share of the cores: the threads of two would wait for each other."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1 and (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads of small models and short texts wait for each other on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
