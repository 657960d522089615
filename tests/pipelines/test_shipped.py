import json
from pathlib import Path

import numpy as np
import pytest

from shared.models.backbone import Backbone, BackboneConfig
from shared.models.registry import SHIPPED, Registry
from shared.models.runner import Runner
from shared.models.tasks import ClassifyOutput, TaskCall


def test_support_intent_is_small_and_says_where_it_comes_from() -> None:
    registry = Registry(SHIPPED, shipped=None)
    bundle = registry.bundle(registry.resolve("support-intent"))
    manifest = bundle.manifest
    assert len(manifest.labels) == 77
    assert sum(file.stat().st_size for file in bundle.folder.rglob("*.*")) < 3_000_000
    assert manifest.licence == "CC BY 4.0"
    assert "Casanueva" in (manifest.attribution or "")
    card = (bundle.folder / "README.md").read_text("utf-8")
    assert manifest.command is not None
    for part in (manifest.command, manifest.licence, manifest.attribution, "Banking77"):
        assert part is not None
        assert part in card


@pytest.mark.realdata
def test_support_intent_serves_as_well_as_its_card_says(data_dir: Path) -> None:
    registry = Registry(SHIPPED, shipped=None)
    bundle = registry.bundle(registry.resolve("support-intent"))
    runner = Runner(Backbone.load(BackboneConfig()))
    runner.load(bundle)
    with (data_dir / "support" / "banking77.dev.jsonl").open() as file:
        rows = sorted((json.loads(line) for line in file), key=lambda row: len(row["text"]))
    right = []
    for start in range(0, len(rows), 64):
        batch = rows[start : start + 64]
        call = TaskCall("support-intent", [row["text"] for row in batch])
        tokenized = runner.tokenize(bundle.id, call)
        output = runner.assemble(tokenized, runner.run(tokenized.rows))
        assert isinstance(output, ClassifyOutput)
        predicted = output.probabilities.argmax(axis=1)
        right += [output.labels[i] == row["label"] for i, row in zip(predicted, batch, strict=True)]
    accuracy = float(np.mean(right))
    assert accuracy >= 0.93
    assert accuracy == pytest.approx(bundle.manifest.metrics["accuracy"].value, abs=0.005)
