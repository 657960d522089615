"""What every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.harness.data import DATA

# No deadline: how long an example takes says more about the machine than about the code. In CI the
# examples are the same at every run; a developer's runs look for new ones.
settings.register_profile("banyan", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("banyan")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real data of tests marked `realdata`; skips where it is not."""
    if not (DATA / "support").is_dir():
        pytest.skip(f"no real data in {DATA}: set BANYAN_DATA_DIR to the folder that holds it")
    return DATA


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads of small models and short texts wait for each other on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
