"""Where the real data of tests, drills and benchmarks lies."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The repository."""

DATA = Path(os.environ.get("BANYAN_DATA_DIR", ROOT.parent / "shared" / "data")).resolve()
"""`BANYAN_DATA_DIR`, by default beside the repository; it need not be there."""
