"""Tokens with BIO tags, as a user has them, become a tagger that is judged on any file."""

import json
import random
from pathlib import Path

import pytest

from pipelines.evaluate import main as evaluate
from pipelines.finetune import main as finetune
from shared.models.registry import open_registry
from shared.training.publish.frozen import read_frozen
from shared.training.tasks.tag.examples import TaggedExample
from tests.harness.models.encoders import write_encoder

NAMES = {"ORG": ["Acme", "Globex"], "LOC": ["Oslo", "Rome"]}


def write_tokens(path: Path, rows: int, kinds: dict[str, str]) -> Path:
    """Sentences in which one name stands, tagged with what `kinds` calls its type."""
    generator = random.Random(rows)
    lines = []
    for i in range(rows):
        kind = generator.choice(sorted(NAMES))
        rest = generator.choices(["rises", "today", "in", "trade"], k=3)
        tokens = [generator.choice(NAMES[kind]), "Group", *rest, str(i)]
        tags = [f"B-{kinds[kind]}", f"I-{kinds[kind]}", "O", "O", "O", "O"]
        lines.append(json.dumps({"tokens": tokens, "tags": tags}))
    path.write_text("\n".join(lines))
    return path


@pytest.mark.usefixtures("without_ray")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_tokens_with_tags_make_a_tagger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backbone = {"source": str(write_encoder(tmp_path, "bert")), "precision": "float32"}
    rows = write_tokens(tmp_path / "rows.jsonl", 120, {"ORG": "ORG", "LOC": "LOC"})
    config = {
        "task": "names",
        "kind": "tag",
        "method": "head",
        "backbone": backbone,
        "data": {
            "train": str(rows),
            "split": {"by": "text_hash", "column": "tokens", "dev": 0.2, "test": 0.2},
        },
        "optimisation": {"epochs": 4, "head_learning_rate": 0.05, "max_batch_tokens": 128},
        "tracking": {"tensorboard": False},
        "state_dir": str(tmp_path / "var"),
    }
    (tmp_path / "run.yaml").write_text(json.dumps(config))
    assert finetune(["--config", str(tmp_path / "run.yaml")]) == 0
    registry = open_registry(tmp_path / "var" / "models")
    manifest = registry.bundle(registry.resolve("names", "candidate")).manifest
    assert manifest.labels == ("LOC", "ORG")
    _, held_out = read_frozen(registry.root, "names")
    assert all(isinstance(each, TaggedExample) and each.entities for each in held_out)
    capsys.readouterr()

    others = write_tokens(tmp_path / "others.jsonl", 30, {"ORG": "firm", "LOC": "place"})
    common = [
        "bundle=names", f"data={others}", f"state_dir={tmp_path / 'var'}", "resamples=100",
        f"backbone.source={backbone['source']}", "backbone.precision=float32",
        f"output={tmp_path / 'out'}",
    ]  # fmt: skip
    assert evaluate(["--set", *common]) == 1
    assert "say what each means: --set types.firm=LOC" in capsys.readouterr().err
    assert evaluate(["--set", *common, "types.firm=ORG", "types.place=LOC"]) == 0
    both = json.loads((tmp_path / "out" / "evaluation.json").read_text())["figures"]
    assert evaluate(["--set", *common, "types.firm=ORG"]) == 0
    one = json.loads((tmp_path / "out" / "evaluation.json").read_text())["figures"]
    assert both["span_f1"]["value"] > 0.8
    # Places that are found are none there.
    assert one["span_precision"]["value"] < both["span_precision"]["value"]
