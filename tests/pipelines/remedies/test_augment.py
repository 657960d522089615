"""Rows are augmented for LoRA on two Ray Train workers, beside another remedy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.finetune import main
from shared.models.registry import open_registry
from tests.harness.models.encoders import write_encoder
from tests.harness.models.requests import write_requests

REMEDIES: list[dict[str, object]] = [
    {"remedy": "synonyms", "words": 0.5},
    {"remedy": "typing_errors", "rows": {"share": 0.5}},
    {"remedy": "mixup"},
]


def _config(folder: Path, remedies: list[dict[str, object]]) -> str:
    config = {
        "task": "tiny",
        "backbone": {"source": str(write_encoder(folder, "bert")), "precision": "float32"},
        "data": {
            "train": write_requests(folder / "train.jsonl", 90, seed=1, end="please purchase it"),
            "dev": write_requests(folder / "dev.jsonl", 30, seed=2, end="please purchase it"),
        },
        "lora": {"rank": 4, "alpha": 8},
        "remedies": remedies,
        "optimisation": {
            "epochs": 6,
            "max_batch_tokens": 256,
            "encoder_learning_rate": 0.01,
            "head_learning_rate": 0.02,
        },
        "workers": {"count": 2},
        "state_dir": str(folder / "var"),
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))
    return str(path)


@pytest.mark.training
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("without_ray")
def test_lora_learns_from_augmented_rows_on_two_workers(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelines.finetune", "--config", _config(tmp_path, REMEDIES)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert ended.returncode == 0, ended.stderr
    # 90 rows, a copy of each with synonyms, and of half of these 180 one with typing errors.
    assert "270 examples" in ended.stderr
    assert "on 2 CPU workers" in ended.stderr
    registry = open_registry(tmp_path / "var" / "models", shipped=None)
    bundle = registry.bundle(registry.resolve("tiny", "candidate"))
    assert bundle.manifest.metrics["accuracy"].value > 0.8
    card = (bundle.folder / "README.md").read_text("utf-8")
    assert "- synonyms: 90 rows beside 90 (0 dropped" in card
    assert "- typing_errors: 90 rows beside 180 (0 dropped" in card


@pytest.mark.usefixtures("without_ray")
def test_a_list_with_faults_ends_the_run_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("wrong,right\nletter,letter\n", "utf-8")
    config = _config(tmp_path, [{"remedy": "misspellings", "path": str(path)}])
    assert main(["--config", config]) != 0
    said = capsys.readouterr().err
    assert f"{path}:2: 'letter' is both 'wrong' and 'right'" in said
    assert not (tmp_path / "var" / "training").exists()
