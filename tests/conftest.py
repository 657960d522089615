"""What every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real data of tests marked `realdata`; skips where it is not."""
    folder = Path(os.environ.get("BANYAN_DATA_DIR", ROOT / ".." / "shared" / "data")).resolve()
    if not (folder / "support").is_dir():
        pytest.skip(f"no real data in {folder}: set BANYAN_DATA_DIR to the folder that holds it")
    return folder
