import json
from pathlib import Path

import pytest

from pipelines.zeroshot import main
from shared.models.backbone import Backbone
from shared.models.bundle import Bundle, Method
from shared.models.registry import open_registry
from shared.models.runners import Runners
from shared.models.source import BackboneConfig
from shared.models.tasks import ClassifyOutput, TaskCall

CPU = ["backbone.device=cpu", "backbone.precision=float32"]
TEXTS = {
    "Somebody has stolen my bank card": "card",
    "I cannot withdraw with my card": "card",
    "The aeroplane landed an hour late": "flight",
    "When does boarding at the airport begin?": "flight",
}


def _command(folder: Path, *more: str) -> list[str]:
    descriptions = "{card: [a bank card, paying by card], flight: a flight at an airport}"
    return [
        "--set", "task=zero", f"state_dir={folder / 'var'}", f"descriptions={descriptions}",
        *CPU, *more,
    ]  # fmt: skip


def _dev(folder: Path, **more: str) -> str:
    lines = [json.dumps({"text": t, "label": label}) for t, label in (TEXTS | more).items()]
    (folder / "dev.jsonl").write_text("\n".join(lines))
    return f"dev={folder / 'dev.jsonl'}"


def _candidate(folder: Path) -> Bundle:
    registry = open_registry(folder / "var" / "models")
    return registry.bundle(registry.aliases()["zero"]["candidate"].bundle)


def test_descriptions_make_a_bundle_that_serves(tmp_path: Path) -> None:
    assert main(_command(tmp_path)) == 0
    bundle = _candidate(tmp_path)
    assert bundle.manifest.method is Method.HEAD
    assert (bundle.manifest.metrics, bundle.manifest.calibration.temperature) == ({}, 1.0)
    assert "Nothing was measured" in (bundle.folder / "README.md").read_text()
    runners = Runners(Backbone.load(BackboneConfig(device="cpu", precision="float32")))
    runners.load(bundle)
    tokenized = runners.tokenize(bundle.id, TaskCall("zero", list(TEXTS)))
    output = runners.assemble(tokenized, runners.run(tokenized.rows))
    assert isinstance(output, ClassifyOutput)
    found = [output.labels[i] for i in output.probabilities.argmax(axis=1)]
    assert found == list(TEXTS.values())


def test_dev_measures_and_calibrates(tmp_path: Path) -> None:
    # A label that is wrong on purpose: nothing right would make the temperature 0.
    dev = _dev(tmp_path, **{"My card and my passport": "flight"})
    assert main(_command(tmp_path, dev)) == 0
    manifest = _candidate(tmp_path).manifest
    assert manifest.metrics["accuracy"].value == 0.8
    assert manifest.calibration.temperature != 1.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("descriptions={card: a card}", "at least two"),
        ("descriptions={card: the same, flight: the same}", "tell them apart"),
        ("descriptions={card: a card, flight: ' '}", "empty description"),
        ("dev={path: dev.jsonl, format: judged}", "format 'judged': classify reads plain"),
        ("dev", "class 'weather' has no description"),
    ],
)
def test_faults_are_told_and_nothing_is_registered(
    change: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dev = _dev(tmp_path, **{"It rains": "weather"})
    assert main(_command(tmp_path, dev if change == "dev" else change)) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "var").exists()
