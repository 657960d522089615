"""What every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: how long an example takes says more about the machine than about the code. In CI the
# examples are the same at every run; a developer's runs look for new ones.
settings.register_profile("banyan", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("banyan")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real data of tests marked `realdata`; skips where it is not."""
    folder = Path(os.environ.get("BANYAN_DATA_DIR", ROOT / ".." / "shared" / "data")).resolve()
    if not (folder / "support").is_dir():
        pytest.skip(f"no real data in {folder}: set BANYAN_DATA_DIR to the folder that holds it")
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads of small models and short texts wait for each other on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
