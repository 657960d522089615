"""What the pipeline trains serves as it was measured: without Ray, on the real backbone."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

import pipelines.finetune
from shared.config import Layer, resolve
from shared.metrics.reading import mark_answers, reading_intervals
from shared.models.backbone import Backbone, BackboneConfig
from shared.models.bundle import ADAPTER_WEIGHTS_FILE, Bundle
from shared.models.runner import Runner
from shared.models.tasks import (
    ClassifyOutput,
    EmbedOutput,
    Input,
    ScoreOutput,
    SpanOutput,
    TagOutput,
    TaskCall,
    TaskKind,
    TaskOutput,
)
from shared.training.settings import FinetuneSettings

pytestmark = pytest.mark.usefixtures("without_ray")

NAMES = ["Reliance", "Sun Pharma", "Bajaj Holdings", "Nifty", "Infosys", "Tata Motors"]
UP, DOWN = ["gains", "surges", "climbs"], ["tumbles", "slips", "falls"]


def _headlines(path: Path, rows: int, seed: int) -> Path:
    """Headlines in which one name rises and another falls, in the format of SEntFiN."""
    generator = random.Random(seed)
    with path.open("w") as file:
        for _ in range(rows):
            (up, down), verbs = generator.sample(NAMES, 2), (UP, DOWN)
            parts = [(up, verbs[0], "positive"), (down, verbs[1], "negative")]
            generator.shuffle(parts)
            text = " while ".join(f"{name} {generator.choice(verb)}" for name, verb, _ in parts)
            entities = {name: label for name, _, label in parts}
            row = {"text": text, "entities": entities, "second": parts[0][0], "label": parts[0][2]}
            asked, answers = generator.choice(
                [("What rises?", [up]), ("What falls?", [down]), ("What closes?", [])]
            )
            row |= {"question": asked, "context": text, "answers": answers}
            row |= {
                "query": "news of gains",
                "positive": f"{up} {generator.choice(UP)}, {generator.choice(NAMES)}",
                "negatives": [f"{down} {generator.choice(DOWN)}, {generator.choice(NAMES)}"],
            }
            file.write(json.dumps(row) + "\n")
    return path


def _finetune(
    folder: Path,
    kind: TaskKind,
    file_format: str,
    rows: int = 150,
    strength: float = 1.0,
    **data: object,
) -> Bundle:
    paths = {
        name: {"path": str(_headlines(folder / f"{name}.jsonl", n, i)), "format": file_format}
        for i, (name, n) in enumerate({"train": rows, "dev": 60, "more": 40}.items())
    }
    values = {
        "task": "tiny",
        "kind": kind,
        "backbone": {"precision": "float32", "device": "cpu"},
        "data": {"measured": {"more": paths.pop("more")}, **paths, **data},
        "lora": {"rank": 4, "alpha": 8, "strength": strength},
        "optimisation": {
            "epochs": 3, "max_batch_tokens": 256, "label_smoothing": 0, "warmup": 0.02,
        },
        "state_dir": str(folder / "var"),
    }  # fmt: skip
    settings = resolve(FinetuneSettings, Layer("test", values)).settings
    return pipelines.finetune.finetune(settings, command="test", console=Console(quiet=True))


def _ask(bundle: Bundle, inputs: list[Input]) -> TaskOutput:
    runner = Runner(Backbone.load(BackboneConfig(precision="float32", device="cpu")))
    runner.load(bundle)
    tokenized = runner.tokenize(bundle.id, TaskCall("tiny", inputs))
    return runner.assemble(tokenized, runner.run(tokenized.rows))


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_tagger_finds_names(tmp_path: Path) -> None:
    bundle = _finetune(tmp_path, TaskKind.TAG, "sentfin-names")
    manifest = bundle.manifest
    assert (manifest.kind, manifest.labels) == (TaskKind.TAG, ("entity",))
    assert manifest.metrics["span_f1"].value > 0.9
    assert manifest.metrics["more.span_f1"].value > 0.9
    texts: list[Input] = [row["text"] for row in _rows(tmp_path / "dev.jsonl")]
    output = _ask(bundle, texts)
    assert isinstance(output, TagOutput)
    right = total = 0
    for row, spans in zip(_rows(tmp_path / "dev.jsonl"), output.spans, strict=True):
        found = {row["text"][span.start : span.end] for span in spans}
        right += len(found & set(row["entities"]))
        total += len(found) + 2
    assert 2 * right / total == pytest.approx(manifest.metrics["span_f1"].value, abs=1e-9)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_classifier_of_pairs_serves_as_it_was_measured(tmp_path: Path) -> None:
    bundle = _finetune(tmp_path, TaskKind.CLASSIFY, "plain", text="text", second="second")
    rows = _rows(tmp_path / "more.jsonl")
    output = _ask(bundle, [(row["text"], row["second"]) for row in rows])
    assert isinstance(output, ClassifyOutput)
    predicted = [output.labels[i] for i in output.probabilities.argmax(axis=1)]
    right = sum(label == row["label"] for label, row in zip(predicted, rows, strict=True))
    assert right / len(rows) == bundle.manifest.metrics["more.accuracy"].value
    assert right / len(rows) > 0.9


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_reader_answers_as_it_was_measured(tmp_path: Path) -> None:
    bundle = _finetune(tmp_path, TaskKind.SPAN, "plain", rows=300)
    # Whoever never answers has 0.5.
    assert bundle.manifest.metrics["balanced_f1"].value > 0.6
    rows = _rows(tmp_path / "more.jsonl")
    output = _ask(bundle, [(row["question"], row["context"]) for row in rows])
    assert isinstance(output, SpanOutput)
    answers = [
        None if span is None else row["context"][span.start : span.end]
        for row, span in zip(rows, output.answers, strict=True)
    ]
    marked = reading_intervals(mark_answers(answers, [row["answers"] for row in rows]))
    for name in ("f1", "exact", "balanced_f1"):
        assert marked[name].value == bundle.manifest.metrics[f"more.{name}"].value


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_scorer_ranks_as_it_was_measured(tmp_path: Path) -> None:
    bundle = _finetune(tmp_path, TaskKind.SCORE, "plain", rows=100)
    assert bundle.manifest.metrics["mrr_at_10"].value > 0.95
    rows = _rows(tmp_path / "more.jsonl")
    output = _ask(
        bundle,
        [(row["query"], text) for row in rows for text in (row["positive"], *row["negatives"])],
    )
    assert isinstance(output, ScoreOutput)
    positive, negative = output.scores.reshape(-1, 2).T
    expected = bundle.manifest.metrics["more.mrr_at_10"].value
    assert (1.0 + (positive > negative)).mean() / 2 == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_embedding_keeps_a_share_of_what_it_learned(tmp_path: Path) -> None:
    whole, weaker = (
        load_file(
            _finetune(tmp_path, TaskKind.EMBED, "plain", rows=20, strength=strength).folder
            / ADAPTER_WEIGHTS_FILE
        )
        for strength in (1.0, 0.3)
    )
    assert any("lora_B" in name and tensor.any() for name, tensor in whole.items())
    for name, tensor in whole.items():
        assert torch.equal(weaker[name], tensor * 0.3 if "lora_B" in name else tensor)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_embedding_finds_as_it_was_measured(tmp_path: Path) -> None:
    columns = {"query": "second", "positive": "text"}
    paths = {
        name: {"path": str(tmp_path / f"{name}.jsonl"), "columns": columns}
        for name in ("train", "dev")
    }
    bundle = _finetune(tmp_path, TaskKind.EMBED, "plain", rows=40, strength=0.3, **paths)
    assert not (bundle.folder / "head.safetensors").exists()
    rows = _rows(tmp_path / "dev.jsonl")
    texts = list(dict.fromkeys(text for r in rows for text in (r["text"], *r["negatives"])))
    output = _ask(bundle, [*(row["second"] for row in rows), *texts])
    assert isinstance(output, EmbedOutput)
    scores = output.vectors[: len(rows)] @ output.vectors[len(rows) :].T
    own = scores[range(len(rows)), [texts.index(row["text"]) for row in rows]]
    places = (scores > own[:, None] + 1e-6).sum(axis=1) + 1
    found = ((places <= 10) / places).mean()
    assert found == pytest.approx(bundle.manifest.metrics["mrr_at_10"].value, abs=0.02)
