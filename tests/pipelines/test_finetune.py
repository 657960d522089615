import json
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from peft import PeftModel

from pipelines.finetune import main
from shared.models.backbone import Backbone, BackboneConfig
from shared.models.heads import load_head
from shared.models.registry import Registry
from shared.models.runner import Runner
from shared.models.tasks import ClassifyOutput, TaskCall, TaskKind

WORDS = {
    "card": ["card", "arrive", "post", "delivery"],
    "pin": ["pin", "code", "forgot", "blocked"],
    "rate": ["exchange", "rate", "currency", "euro"],
}


def _write(path: Path, rows: int, seed: int) -> Path:
    """A text holds some words of its class among words of no class."""
    generator = random.Random(seed)
    labels = sorted(WORDS)
    with path.open("w") as file:
        for i in range(rows):
            label = labels[i % len(labels)]
            words = generator.choices(WORDS[label], k=3) + generator.choices(["my", "the"], k=3)
            generator.shuffle(words)
            file.write(json.dumps({"text": " ".join(words), "label": label}) + "\n")
    return path


def _config(folder: Path, **data: object) -> Path:
    data = {
        "train": str(_write(folder / "train.jsonl", 900, seed=1)),
        "dev": str(_write(folder / "dev.jsonl", 60, seed=2)),
    } | data
    config = {
        "task": "tiny",
        "backbone": {"precision": "float32"},
        "data": data,
        "lora": {"rank": 4, "alpha": 8},
        "optimisation": {"epochs": 2, "max_batch_tokens": 256},
        "state_dir": str(folder / "var"),
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))
    return path


def _classes(text: str, folder: Path) -> list[float]:
    """Probabilities by PEFT, without the platform's own model layer but for the head."""
    bundle = Registry(folder / "var" / "models", shipped=None)
    found = bundle.bundle(bundle.resolve("tiny", "candidate"))
    backbone = Backbone.load(BackboneConfig(precision="float32", device="cpu"))
    model = PeftModel.from_pretrained(backbone.encoder, str(found.folder / "adapter")).eval()
    head = load_head(
        found.folder / "head.safetensors",
        TaskKind.CLASSIFY,
        backbone.pooled_width,
        found.manifest.labels,
    )
    ids = torch.tensor([backbone.tokenizer.encode(text).ids])
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        logits = head(backbone.pool(hidden, mask))[0] / found.manifest.calibration.temperature
    return [float(p) for p in logits.softmax(0)]


def _workers(process: psutil.Process) -> set[int]:
    found = set()
    for child in process.children(recursive=True):
        try:
            if "RayTrainWorker" in " ".join(child.cmdline()):
                found.add(child.pid)
        except psutil.NoSuchProcess:
            continue
    return found


def _kill_a_worker_after_the_first_epoch(process: subprocess.Popen[str], state: Path) -> None:
    deadline = time.monotonic() + 180
    while not list(state.glob("training/*/checkpoints/epoch-00000")):
        assert process.poll() is None, "the pipeline ended before its first epoch"
        assert time.monotonic() < deadline, "no first epoch within 180 s"
        time.sleep(0.02)
    workers = _workers(psutil.Process(process.pid))
    assert len(workers) == 2
    psutil.Process(max(workers)).kill()


@pytest.mark.training
@pytest.mark.timeout(420)
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_run_survives_a_killed_worker_and_gives_a_bundle(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelines.finetune", "--config", str(_config(tmp_path))]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        _kill_a_worker_after_the_first_epoch(process, tmp_path / "var")
        _, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    # Each epoch was trained once: the restarted workers went on after the first.
    assert said.count("epoch 1/2:") == said.count("epoch 2/2:") == 1
    assert "banyan promote tiny" in said
    assert not list((tmp_path / "var" / "training").iterdir())

    registry = Registry(tmp_path / "var" / "models", shipped=None)
    bundle = registry.bundle(registry.resolve("tiny", "candidate"))
    assert bundle.manifest.metrics["accuracy"].value > 0.9
    assert bundle.manifest.command == " ".join(["python", *command[1:]])

    text = "the code my blocked pin"
    expected = _classes(text, tmp_path)
    assert bundle.manifest.labels[expected.index(max(expected))] == "pin"
    runner = Runner(Backbone.load(BackboneConfig(precision="float32", device="cpu")))
    runner.load(bundle)
    tokenized = runner.tokenize(bundle.id, TaskCall("tiny", [text]))
    output = runner.assemble(tokenized, runner.run(tokenized.rows))
    assert isinstance(output, ClassifyOutput)
    assert output.probabilities[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_faults_end_the_run_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _config(tmp_path)
    assert main(["--config", str(config), "--set", "lora.rank=0", "optimisation.epoch=1"]) == 1
    assert main(["--config", str(tmp_path / "none.yaml")]) == 1
    assert main(["--config", str(config), "--set", "data.text=question"]) == 1
    (tmp_path / "dev.jsonl").write_text('{"text": "x", "label": "new"}\n')
    assert main(["--config", str(config)]) == 1
    said = capsys.readouterr().err
    for part in (
        "the configuration has 2 faults",
        "lora.rank",
        "optimisation.epoch",
        "cannot be read as YAML",
        "has no column 'question'",
        "label 'new' (1 rows)",
    ):
        assert part in said
    # Nothing but what names the bad rows.
    written = {path.name for path in (tmp_path / "var").rglob("*") if path.is_file()}
    assert written <= {"rejects.csv"}
