import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipelines.tune import main
from pipelines.tuning.preparing import Preparation
from pipelines.tuning.settings import TuneSettings
from pipelines.tuning.space import plan
from pipelines.tuning.trials import Trial, search_folder, write_trial
from shared.config import load
from shared.training.checkpoint import CheckpointStore
from shared.training.ray_train import run_worker
from shared.training.settings import FinetuneSettings
from shared.training.workers import ALONE
from tests.shared.models.encoders import write_encoder
from tests.shared.training.made import stopping_after

EPOCHS = 3


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


def _config(folder: Path, **space: object) -> Path:
    base = {
        "task": "tiny",
        "data": {
            "train": write_rows(folder / "train.jsonl", 40, seed=1),
            "dev": write_rows(folder / "dev.jsonl", 20, seed=2),
        },
        "backbone": {"precision": "float32"},
        "lora": {"rank": 2},
        "optimisation": {"epochs": EPOCHS, "max_batch_tokens": 64, "head_learning_rate": 0.03},
    }
    (folder / "base.yaml").write_text(json.dumps(base))
    rates = {"optimisation.head_learning_rate": {"choice": [0.03, 0.02, 1e-9]}}
    search = {
        "base": str(folder / "base.yaml"),
        "space": space or rates,
        "trials": 3,
        "reduction": 2,
        "state_dir": str(folder / "var"),
    }
    path = folder / "tune.yaml"
    path.write_text(json.dumps(search))
    return path


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.training
@pytest.mark.timeout(240)
def test_an_interrupted_search_goes_on_where_it_was(tmp_path: Path) -> None:
    config = _config(tmp_path)
    backbone = f"finetune.backbone.source={write_encoder(tmp_path, 'bert')}"
    over = {"finetune": {"backbone": {"source": backbone.partition("=")[2]}}}
    search = load(TuneSettings, environ={}, file=config, overrides=over).settings
    planned = plan(search)
    preparation = Preparation()
    specs = preparation.specs(planned)
    folder = search_folder(search, specs[0].folder().name)
    preparation.write(specs[0])
    preparation.write(specs[1])
    # What a killed search leaves: trial 0 has ended, trial 1 is after its first epoch.
    whole = run_worker(specs[0].folder(), ALONE, lambda _: None)
    ended = Trial(
        number=0,
        drawn=planned[0].drawn,
        run=specs[0].folder().name,
        metric="accuracy",
        epochs=EPOCHS,
        history=whole.history,
    )
    write_trial(folder, ended)
    with pytest.raises(InterruptedError):
        run_worker(specs[1].folder(), ALONE, stopping_after(1))
    left = CheckpointStore(specs[1].folder() / "checkpoints", keep=2).newest()
    assert left is not None

    command = [sys.executable, "-m", "pipelines.tune", "--config", str(config), "--set", backbone]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 trials, 1 of them ended before" in done.stderr
    rows = json.loads((folder / "trials.json").read_text())
    histories = {row["number"]: row["history"] for row in rows}
    assert histories[0] == [score.model_dump() for score in whole.history]
    # Its first epoch, to the second that it took: it was not trained again.
    assert histories[1][0] == left.state.history[0].model_dump()
    rates = [float(row["drawn"]["optimisation.head_learning_rate"]) for row in rows]
    assert sorted(rates) == [1e-9, 0.02, 0.03]

    assert [row["value"] for row in rows] == sorted((row["value"] for row in rows), reverse=True)
    best = load(FinetuneSettings, environ={}, file=folder / "best.yaml").settings
    assert best.optimisation.head_learning_rate == rates[0]
    # The run of the best one alone stays, for `banyan train best.yaml` to go on with.
    assert [each.name for each in (tmp_path / "var" / "training").iterdir()] == [rows[0]["run"]]
    assert not (folder / "ray").exists()


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
