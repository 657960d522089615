"""What each method gives serves as it was measured: without Ray, on a small random backbone."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import pipelines.finetune
from shared.config import Layer, resolve
from shared.errors import ConfigError
from shared.models.backbone import Backbone
from shared.models.bundle import Bundle, Method
from shared.models.runners import Runners
from shared.models.source import BackboneConfig
from shared.models.tasks import ClassifyOutput, TaskCall
from shared.training.settings import FinetuneSettings
from tests.harness.models.encoders import write_encoder

pytestmark = pytest.mark.usefixtures("without_ray")

WORDS = {"card": ["card", "post"], "pin": ["pin", "code"], "rate": ["euro", "rate"]}
RATES = {Method.LORA: 0.01, Method.FULL: 0.002, Method.PROMPT: 0.05, Method.HEAD: 0.01}


def _write(path: Path, rows: int, seed: int) -> str:
    """Texts of one class or two, and sometimes of none."""
    generator = random.Random(seed)
    with path.open("w") as file:
        for _ in range(rows):
            several = generator.sample(sorted(WORDS), k=generator.choice([0, 1, 1, 2]))
            label = generator.choice(sorted(WORDS))
            text = f"my {generator.choice(WORDS[label])} please"
            topics = " ".join(generator.choice(WORDS[each]) for each in several)
            row = {"text": text, "label": label, "topics": f"hello {topics}", "labels": several}
            file.write(json.dumps(row) + "\n")
    return str(path)


def _settings(folder: Path, **values: object) -> FinetuneSettings:
    method = Method(str(values.get("method", "lora")))
    data = {
        name: _write(folder / f"{name}.jsonl", rows, seed)
        for seed, (name, rows) in enumerate({"train": 300, "dev": 60}.items())
    }
    common = {
        "task": "tiny",
        "backbone": {"source": str(write_encoder(folder, "bert")), "device": "cpu",
                     "precision": "float32"},
        "data": data,
        "prompt": {"virtual_tokens": 6},
        "max_length": 32,
        "optimisation": {
            "epochs": 4, "max_batch_tokens": 128, "label_smoothing": 0.0,
            "encoder_learning_rate": RATES[method], "head_learning_rate": 0.02,
        },
        "state_dir": str(folder / "var"),
    }  # fmt: skip
    return resolve(FinetuneSettings, Layer("test", common | values)).settings


def _finetune(settings: FinetuneSettings) -> Bundle:
    return pipelines.finetune.finetune(settings, command="test", console=Console(quiet=True))


def _served(bundle: Bundle, config: BackboneConfig, texts: list[str]) -> ClassifyOutput:
    runners = Runners(Backbone.load(config))
    runners.load(bundle)
    tokenized = runners.tokenize(bundle.id, TaskCall("tiny", texts))
    output = runners.assemble(tokenized, runners.run(tokenized.rows))
    assert isinstance(output, ClassifyOutput)
    return output


def _rows(settings: FinetuneSettings) -> list[dict[str, str]]:
    path = Path(settings.data.dev[0].path)
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("method", RATES)
def test_a_method_serves_as_it_was_measured(tmp_path: Path, method: Method) -> None:
    settings = _settings(tmp_path, method=method)
    bundle = _finetune(settings)
    rows = _rows(settings)
    output = _served(bundle, settings.backbone, [row["text"] for row in rows])
    predicted = [output.labels[i] for i in output.probabilities.argmax(axis=1)]
    accuracy = np.mean([p == row["label"] for p, row in zip(predicted, rows, strict=True)])
    assert bundle.manifest.method is method
    assert accuracy == bundle.manifest.metrics["accuracy"].value
    # A third is chance; a prompt alone moves a random encoder least.
    assert accuracy > 0.7
    folders = {path.name for path in bundle.folder.iterdir() if path.is_dir()}
    expected = {Method.FULL: {"backbone"}, Method.HEAD: set[str]()}
    assert folders == expected.get(method, {"adapter"})
    curves = list((tmp_path / "var" / "tracking" / "tiny").glob("*/events.out.*"))
    assert len(curves) == 1


def test_a_text_of_several_classes(tmp_path: Path) -> None:
    data = {"train": "train.jsonl", "dev": "dev.jsonl", "text": "topics"}
    files = {name: str(tmp_path / str(data[name])) for name in ("train", "dev")}
    settings = _settings(tmp_path, method="full", multi_label=True, data=data | files)
    bundle = _finetune(settings)
    manifest = bundle.manifest
    assert manifest.multi_label
    assert manifest.metrics["micro_f1"].value > 0.8
    rows = _rows(settings)
    output = _served(bundle, settings.backbone, [row["topics"] for row in rows])
    found = [
        {label for label, p in zip(output.labels, each, strict=True) if p > 0.5}
        for each in output.probabilities
    ]
    right = np.mean([set(row["labels"]) == each for row, each in zip(rows, found, strict=True)])
    assert right == manifest.metrics["exact_match"].value


def test_a_prompt_that_does_not_fit_is_refused_before_training(tmp_path: Path) -> None:
    settings = _settings(tmp_path, method="prompt", prompt={"virtual_tokens": 60})
    with pytest.raises(ConfigError, match="set max_length=20"):
        _finetune(settings)
    assert not (tmp_path / "var").exists()
