import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipelines.command import INTERRUPTED
from pipelines.tune import main
from shared.config import load
from shared.training.loop.checkpoint import CheckpointStore, EpochScore
from shared.training.settings import FinetuneSettings
from tests.harness.models.encoders import write_encoder

EPOCHS = 12
LEARNS, LEARNS_NOTHING = 0.03, 0.00001


def write_rows(path: Path, rows: int, seed: int) -> str:
    """Texts whose class is the word that they hold, among words of no class."""
    generator = random.Random(seed)
    lines = []
    for i in range(rows):
        words = [("card", "rate")[i % 2], *generator.choices(["my", "the", "a", "is"], k=3)]
        generator.shuffle(words)
        lines.append(json.dumps({"text": " ".join(words), "label": ("c", "r")[i % 2]}))
    path.write_text("\n".join(lines))
    return str(path)


def _config(folder: Path, **base: object) -> Path:
    """A search of two trials, one after the other: only the first one's rate learns anything."""
    base = {
        "task": "tiny",
        "method": "head",
        "data": {
            "train": write_rows(folder / "train.jsonl", 300, seed=1),
            "dev": write_rows(folder / "dev.jsonl", 40, seed=2),
        },
        "optimisation": {
            "epochs": EPOCHS, "max_batch_tokens": 64, "head_learning_rate": LEARNS,
        },
        "workers": {"count": 1},
    } | base  # fmt: skip
    (folder / "base.yaml").write_text(json.dumps(base))
    rates = [LEARNS, LEARNS_NOTHING]
    search = {
        "base": str(folder / "base.yaml"),
        "space": {"optimisation.head_learning_rate": {"choice": rates}},
        "trials": 2,
        "reduction": 2,
        "state_dir": str(folder / "var"),
    }
    path = folder / "tune.yaml"
    path.write_text(json.dumps(search))
    return path


class _Search:
    """A search in another process, with its own workers."""

    def __init__(self, config: Path) -> None:
        command = [sys.executable, "-m", "pipelines.tune", "--config", str(config)]
        # Another group: Ctrl-C in a terminal reaches the workers too.
        self._process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def end(self) -> str:
        """Lets it run to its end; returns what it said."""
        return self._ended(0)

    def interrupt(self) -> str:
        """Ctrl-C; returns what it said."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self._ended(INTERRUPTED)

    def kill(self) -> None:
        """SIGKILL of the driver, and of nothing else; its workers end with it."""
        children = psutil.Process(self._process.pid).children(recursive=True)
        # Ray's agents look for their parent every few seconds only; nothing waits for them.
        workers = [child for child in children if "Agent" not in child.name()]
        self._process.kill()
        self._process.communicate()
        _, alive = psutil.wait_procs(workers, timeout=60)
        assert not alive

    def wait_for(self, happened: Callable[[], bool]) -> None:
        """Until something has happened while it runs."""
        deadline = time.monotonic() + 300
        while not happened():
            assert self._process.poll() is None, self._ended(0)
            assert time.monotonic() < deadline, "not within 300 s"
            time.sleep(0.01)

    def _ended(self, status: int) -> str:
        _, said = self._process.communicate(timeout=300)
        assert self._process.returncode == status, said
        return said


def _written(state: Path) -> list[str]:
    """The files of the search, without its lock and what Tune keeps for itself."""
    return [path.name for path in state.glob("tuning/*/*") if path.suffix]


def _history(run: Path) -> tuple[EpochScore, ...]:
    newest = CheckpointStore(run / "checkpoints", keep=2).newest()
    return () if newest is None else newest.state.history


@pytest.mark.drill
@pytest.mark.training
@pytest.mark.timeout(900)
def test_a_search_is_killed_and_interrupted_and_stops_what_learns_nothing(tmp_path: Path) -> None:
    backbone = {"precision": "float32", "source": str(write_encoder(tmp_path, "bert"))}
    config, state = _config(tmp_path, backbone=backbone), tmp_path / "var"

    search = _Search(config)
    search.wait_for(lambda: bool(list(state.glob("training/*/checkpoints/epoch-00000"))))
    search.kill()
    # A trial in its middle is none that has ended.
    assert not _written(state)
    ((run, before),) = ((run, h) for run in (state / "training").iterdir() if (h := _history(run)))

    search = _Search(config)
    search.wait_for(lambda: _written(state) == ["00000.json"])
    said = search.interrupt()
    assert "2 trials, 0 of them ended before" in said
    assert "the same command continues" in said
    assert _written(state) == ["00000.json"]

    said = _Search(config).end()
    assert "2 trials, 1 of them ended before" in said
    assert "trial 0, epoch" not in said
    (folder,) = (state / "tuning").iterdir()
    learnt, stopped = json.loads((folder / "trials.json").read_text())
    assert (learnt["number"], stopped["number"]) == (0, 1)
    # The epochs before it was killed, to the second that they took: not trained again.
    assert learnt["history"][: len(before)] == [score.model_dump() for score in before]
    assert (len(learnt["history"]), learnt["stopped"]) == (EPOCHS, False)
    # At its first epoch it was compared with what the search remembered of the other's.
    assert (len(stopped["history"]), stopped["stopped"]) == (1, True)
    assert stopped["value"] < learnt["history"][0]["metrics"]["accuracy"]
    assert f"1 of {EPOCHS}," in said
    assert "stopped" in said

    best = load(FinetuneSettings, environ={}, file=folder / "best.yaml").settings
    assert best.optimisation.head_learning_rate == LEARNS
    # The run of the best one alone stays, for `banyan train best.yaml` to go on with.
    assert list((state / "training").iterdir()) == [run]
    assert not (folder / "ray").exists()
    assert not (state / "models").exists()


def test_faults_end_a_search_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(_config(tmp_path))
    assert main(["--config", config, "--set", "trials=1", "space={}", "epochs=3"]) == 1
    assert main(["--config", config, "--set", "space.lora.rank.choice=[0]"]) == 1
    assert main(["--config", config, "--set", "base=none.yaml"]) == 1
    assert main(["--config", config, "--set", "finetune.data.text=question"]) == 1
    said = capsys.readouterr().err
    for part in ("trials", "epochs", "lora.rank", "none.yaml", "has no column 'question'"):
        assert part in said
    assert not list(tmp_path.glob("var/t*/*"))
