import json
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)

from shared.errors import DependencyError
from shared.training.loop.checkpoint import EpochScore
from shared.training.loop.progress import Follower, Position, followed, write_position
from shared.training.loop.tracking import check_tracking, tracked
from shared.training.settings import FinetuneSettings, TrackingSettings

# What the platform asks of the library, written down as JSON.
WANDB = """
import json
class _Run:
    def __init__(self, **values):
        self._file = open(values["dir"] + "/told.jsonl", "a")
        self._tell(id=values["id"], mode=values["mode"], task=values["config"]["task"])
    def _tell(self, **values):
        self._file.write(json.dumps(values) + "\\n")
    def log(self, values, step):
        if "train/loss" in values:
            raise ConnectionError("no network")
        self._tell(step=step, **values)
    def finish(self):
        self._file.close()
init = _Run
"""


def _settings(folder: Path, **tracking: object) -> FinetuneSettings:
    return FinetuneSettings.model_validate(
        {
            "task": "t",
            "data": {"train": "a", "dev": "b"},
            "state_dir": str(folder),
            "tracking": tracking,
        }
    )


def _tell(follower: Follower) -> None:
    score = EpochScore(
        epoch=0, train_loss=2.0, metrics={"accuracy": 0.5}, tokens_per_s=9, seconds=1
    )
    common = {"epochs": 2, "examples": 100, "loss": 1.5, "tokens_per_s": 9, "learning_rate": 0.1}
    begun = Position(epoch=0, seen=40, **common)
    done = Position(epoch=1, seen=0, finished=(score,), **common)
    for position in (begun, begun, done, done):
        follower(position)


def test_tensorboard_reads_the_curves(tmp_path: Path) -> None:
    with tracked(_settings(tmp_path), "t-1") as follower:
        _tell(follower)
    events = EventAccumulator(str(tmp_path / "tracking" / "t" / "t-1"))
    events.Reload()
    curves = {
        name: [(point.step, point.value) for point in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }
    assert curves["train/loss"] == [(40, 1.5)]
    assert curves["dev/accuracy"] == [(100, 0.5)]
    assert curves["train/epoch_loss"] == [(100, 2.0)]
    assert set(curves) == {
        "dev/accuracy",
        "train/epoch_loss",
        "train/loss",
        "train/learning_rate",
        "train/tokens_per_s",
    }


def test_weights_and_biases_by_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "wandb.py").write_text(WANDB)
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = _settings(tmp_path, tensorboard=False, wandb={"mode": "offline"})
    check_tracking(settings.tracking)
    with tracked(settings, "t-2") as follower:
        done = Position(
            epoch=1, seen=0, epochs=2, examples=100, loss=1, tokens_per_s=1,
            finished=(EpochScore(
                epoch=0, train_loss=2.0, metrics={"accuracy": 0.5}, tokens_per_s=9, seconds=1
            ),),
        )  # fmt: skip
        follower(done)
        _tell(follower)
    sys.modules.pop("wandb")
    lines = (tmp_path / "tracking" / "t" / "told.jsonl").read_text().splitlines()
    begun, told = (json.loads(line) for line in lines)
    assert begun == {"id": "t-2", "mode": "offline", "task": "t"}
    assert told == {"step": 100, "dev/accuracy": 0.5, "train/epoch_loss": 2.0}
    # It failed later: the run went on without it.
    assert "tracking by WeightsAndBiases ends: no network" in caplog.text


def test_a_library_that_is_missing_is_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    settings = TrackingSettings.model_validate({"wandb": {}})
    with pytest.raises(DependencyError, match="pip install wandb"):
        check_tracking(settings)
    check_tracking(TrackingSettings())


def test_followers_hear_of_the_last_position(tmp_path: Path) -> None:
    heard: list[Position] = []
    with followed(tmp_path, heard.append):
        position = Position(epoch=1, seen=0, epochs=2, examples=3, loss=1, tokens_per_s=1)
        write_position(tmp_path, position)
    assert heard[-1] == position
