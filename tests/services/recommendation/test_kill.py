"""`kill -9` at any moment: every acknowledged event is there, each once, numbered without a gap."""

import random
import subprocess
import sys
import time
from pathlib import Path

from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.reading import FeedbackReader
from tests.services.recommendation.killed import BATCH

ROOT = Path(__file__).parents[3]
KILLS = 4
SEED = 7


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    acknowledged: set[int] = set()
    for turn in range(KILLS):
        acknowledged |= _killed(tmp_path, turn * 1_000_000, dice.uniform(0.05, 0.5))

    assert len(acknowledged) > KILLS
    database = open_database(RecommendationSettings(state_dir=tmp_path))
    reader = FeedbackReader(database)
    seq, ids = 0, []
    while page := reader.after(seq):
        assert [one.seq for one in page] == list(range(seq + 1, page[-1].seq + 1))
        ids += [int(one.event.id) for one in page]
        seq = page[-1].seq
    database.close()
    assert len(set(ids)) == len(ids)
    wanted = {first + place for first in acknowledged for place in range(BATCH)}
    assert wanted <= set(ids)


def _killed(folder: Path, start: int, after_s: float) -> set[int]:
    """The first ids of the batches that a process acknowledged until it was killed."""
    command = [sys.executable, "-m", "tests.services.recommendation.killed", str(folder)]
    with subprocess.Popen(
        [*command, str(start)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        # Two, so that more is acknowledged than the first batch however slow the disk is.
        first = [process.stdout.readline() for _ in range(2)]
        time.sleep(after_s)
        process.kill()
        rest = process.stdout.read().splitlines()
    # The last line may have been cut by the kill.
    return {int(line) for line in [*first, *rest[:-1]] if line.strip()}
