"""Few examples become a classifier: without Ray, on a small random backbone."""

from pathlib import Path

import pytest
from rich.console import Console

import pipelines.fewshot
from pipelines.fewshot_settings import FewshotSettings
from shared.config import Layer, resolve
from shared.errors import ConfigError
from shared.models.bundle import Bundle, Method
from shared.models.registry import open_registry
from tests.harness.models.encoders import write_encoder
from tests.harness.models.requests import write_requests

pytestmark = pytest.mark.usefixtures("without_ray")


def _settings(folder: Path, **values: object) -> FewshotSettings:
    data = {
        name: write_requests(folder / f"{name}.jsonl", rows, seed)
        for seed, (name, rows) in enumerate({"train": 90, "dev": 60}.items())
    }
    common = {
        "task": "tiny",
        "backbone": {"source": str(write_encoder(folder, "bert")), "device": "cpu",
                     "precision": "float32"},
        "data": data,
        "examples_per_class": 8,
        "max_length": 32,
        "optimisation": {"max_batch_tokens": 256, "encoder_learning_rate": 0.01},
        "state_dir": str(folder / "var"),
    }  # fmt: skip
    return resolve(FewshotSettings, Layer("test", common | values)).settings


def _fewshot(settings: FewshotSettings) -> Bundle:
    return pipelines.fewshot.fewshot(settings, command="test", console=Console(quiet=True))


@pytest.mark.parametrize("method", [Method.LORA, Method.FULL, Method.HEAD])
def test_few_examples_make_an_ordinary_bundle(tmp_path: Path, method: Method) -> None:
    settings = _settings(tmp_path, method=method)
    bundle = _fewshot(settings)
    manifest = bundle.manifest
    assert (manifest.method, manifest.labels) == (method, ("card", "pin", "rate"))
    assert manifest.metrics["accuracy"].value > 0.6
    registry = open_registry(tmp_path / "var" / "models")
    assert registry.aliases()["tiny"]["candidate"].bundle == bundle.id
    assert "24 examples" in (bundle.folder / "README.md").read_text()
    assert not list((tmp_path / "var" / "training").glob("*/"))


def test_pairs_bring_more_than_the_backbone_as_it_is(tmp_path: Path) -> None:
    tuned = _fewshot(_settings(tmp_path)).manifest.metrics["accuracy"].value
    frozen = _fewshot(_settings(tmp_path, method="head")).manifest.metrics["accuracy"].value
    assert tuned > frozen


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": "embed", "examples_per_class": None}, "kind: few examples"),
        ({"remedies": [{"remedy": "mixup"}]}, "few examples learn by pairs alone"),
        ({"optimisation": {"seeds": [0, 1]}}, "run once for each"),
        ({"optimisation": {"accumulation": 2}}, "leave it out"),
        ({"data": {"train": "a", "dev": "b", "second": "other"}}, "single texts"),
    ],
)
def test_what_makes_no_pairs_is_refused(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        _settings(tmp_path, **change)
