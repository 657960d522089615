import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from peft import PeftModel

from pipelines.finetune import main
from pipelines.promote import main as promote
from pipelines.rollback import main as rollback
from shared.models.backbone import Backbone, BackboneConfig
from shared.models.bundle import Bundle
from shared.models.heads import load_head
from shared.models.registry import open_registry
from shared.models.runner import Runner
from shared.models.tasks import ClassifyOutput, TaskCall, TaskKind
from tests.harness.models.encoders import write_encoder

WORDS = {
    "card": ["card", "arrive", "post", "delivery"],
    "pin": ["pin", "code", "forgot", "blocked"],
    "rate": ["exchange", "rate", "currency", "euro"],
}
EPOCHS = 3


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


def _config(folder: Path, backbone: Path) -> Path:
    config = {
        "task": "tiny",
        "backbone": {"source": str(backbone), "precision": "float32"},
        "data": {
            "train": str(_write(folder / "train.jsonl", 3000, seed=1)),
            "dev": str(_write(folder / "dev.jsonl", 60, seed=2)),
        },
        "lora": {"rank": 4, "alpha": 8},
        "optimisation": {
            "epochs": EPOCHS,
            "max_batch_tokens": 256,
            "encoder_learning_rate": 0.01,
            "head_learning_rate": 0.02,
        },
        "state_dir": str(folder / "var"),
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))
    return path


def _classes(text: str, found: Bundle, backbone: Backbone) -> list[float]:
    """Probabilities by PEFT, without the platform's own model layer but for the head."""
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
    pipeline, deadline = psutil.Process(process.pid), time.monotonic() + 300
    first: set[int] = set()

    def wait_for(happened: Callable[[], bool], what: str) -> None:
        while not happened():
            assert process.poll() is None, f"the pipeline ended before {what}"
            assert time.monotonic() < deadline, f"not within 300 s: {what}"
            time.sleep(0.01)

    def are_two() -> bool:
        first.clear()
        first.update(_workers(pipeline))
        return len(first) == 2

    wait_for(are_two, "its two workers")
    epoch = "training/*/checkpoints/epoch-00000"
    wait_for(lambda: bool(list(state.glob(epoch))), "its first epoch")
    psutil.Process(max(first)).kill()
    wait_for(lambda: len(_workers(pipeline) - first) == 2, "two workers went on")


@pytest.mark.drill
@pytest.mark.training
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("without_ray")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_run_survives_a_killed_worker_and_its_bundle_is_promoted(tmp_path: Path) -> None:
    source, state = write_encoder(tmp_path, "bert"), tmp_path / "var"
    config = str(_config(tmp_path, source))
    command = [sys.executable, "-m", "pipelines.finetune", "--config", config]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        _kill_a_worker_after_the_first_epoch(process, state)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    # Each epoch was trained once: the restarted workers went on after the first.
    assert [said.count(f"epoch {each}/{EPOCHS}:") for each in (1, 2, 3)] == [1, 1, 1]
    assert "banyan promote tiny" in said
    assert not list((state / "training").iterdir())

    registry = open_registry(state / "models", shipped=None)
    first = registry.bundle(registry.resolve("tiny", "candidate"))
    assert first.manifest.metrics["accuracy"].value > 0.9
    assert first.manifest.command == " ".join(["python", *command[1:]])
    _serves_as_peft_computes(first, source)

    # The pipelines that come after it: the first bundle of the task, a second one, and back.
    judged = [
        "--set", "bundle=tiny", f"state_dir={state}", f"backbone.source={source}",
        "backbone.precision=float32", "resamples=200",
    ]  # fmt: skip
    held_out = _write(tmp_path / "held_out.jsonl", 60, seed=3)
    assert promote([*judged, f"freeze={held_out}"]) == 0
    assert registry.resolve("tiny") == first.id
    assert main([*command[3:], "--set", "optimisation.seeds=[1]", "optimisation.epochs=1"]) == 0
    second = registry.resolve("tiny", "candidate")
    assert second != first.id
    # One input at a time takes what the machine lets it.
    assert promote([*judged, "gates.max_latency_ratio=100"]) == 0
    assert registry.resolve("tiny") == second
    assert rollback(["--set", "task=tiny", f"state_dir={state}"]) == 0
    champion = registry.aliases()["tiny"]["champion"]
    assert (champion.bundle, champion.previous) == (first.id, second)
    assert registry.resolve("tiny", "candidate") == second
    files = sorted((registry.root / "tiny" / "promotions").iterdir())
    evidence = [json.loads(file.read_text()) for file in files]
    assert [(each["action"], each["from"], each["to"]) for each in evidence] == [
        ("promote", None, first.id),
        ("promote", first.id, second),
        ("rollback", second, first.id),
    ]


def _serves_as_peft_computes(bundle: Bundle, source: Path) -> None:
    text = "the code my blocked pin"
    backbone = BackboneConfig(source=str(source), precision="float32", device="cpu")
    expected = _classes(text, bundle, Backbone.load(backbone))
    assert bundle.manifest.labels[expected.index(max(expected))] == "pin"
    runner = Runner(Backbone.load(backbone))
    runner.load(bundle)
    tokenized = runner.tokenize(bundle.id, TaskCall("tiny", [text]))
    output = runner.assemble(tokenized, runner.run(tokenized.rows))
    assert isinstance(output, ClassifyOutput)
    assert output.probabilities[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_faults_end_the_run_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _config(tmp_path, write_encoder(tmp_path, "bert"))
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
        "none.yaml cannot be read: no such file",
        "has no column 'question'",
        "label 'new' (1 rows)",
    ):
        assert part in said
    # Nothing but what names the bad rows.
    written = {path.name for path in (tmp_path / "var").rglob("*") if path.is_file()}
    assert written <= {"rejects.csv"}
