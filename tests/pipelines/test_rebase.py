import json
import shlex
from pathlib import Path

import pytest
from rich.console import Console

import pipelines.finetune
from pipelines.rebase import main
from pipelines.rebasing.comparing import compare
from pipelines.rebasing.rebasing import dependents
from pipelines.rebasing.recipe import recipe_of
from pipelines.rebasing.settings import RebaseSettings
from shared.config import load
from shared.errors import ConfigError
from shared.models.bundle import Manifest
from shared.models.registry import open_registry
from shared.models.source import BackboneConfig, locate
from shared.training.publish.frozen import freeze
from shared.training.settings import FinetuneSettings
from shared.training.tasks.classify.kind import CLASSIFY
from shared.training.tasks.training_data import read_data
from tests.harness.models.encoders import write_encoder
from tests.pipelines.test_tune import write_rows


def _config(folder: Path, backbone: Path) -> Path:
    config = {
        "task": "tiny",
        "backbone": {"source": str(backbone), "precision": "float32"},
        "data": {
            "train": write_rows(folder / "train.jsonl", 40, seed=1),
            "dev": write_rows(folder / "dev.jsonl", 40, seed=2),
        },
        "lora": {"rank": 2},
        "optimisation": {"epochs": 1, "max_batch_tokens": 64, "head_learning_rate": 0.03},
        "tracking": {"tensorboard": False},
        "state_dir": str(folder / "var"),
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))
    return path


def test_what_ships_for_a_further_backbone_is_left_unless_it_is_named(tmp_path: Path) -> None:
    other = BackboneConfig(source=str(write_encoder(tmp_path, "bert")))
    registry, console = open_registry(tmp_path / "models"), Console(quiet=True)

    def tasks(*only: str) -> list[str]:
        settings = RebaseSettings(backbone=other, only=only)
        found = dependents(registry, locate(other), settings, console)
        return [champion.manifest.task for champion in found]

    assert "support-judge" in tasks()
    assert "support-judge-zh" not in tasks()
    assert tasks("support-judge-zh") == ["support-judge-zh"]


@pytest.mark.usefixtures("without_ray")
def test_a_champion_gets_a_successor_on_another_backbone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write_encoder(tmp_path / "old", "bert", seed=3)
    new = write_encoder(tmp_path / "new", "bert", seed=4)
    config = _config(tmp_path, old)
    assert pipelines.finetune.main(["--config", str(config), "--set", "lora.alpha=8"]) == 0
    registry = open_registry(tmp_path / "var" / "models")
    champion = registry.resolve("tiny", "candidate")
    registry.set_alias("tiny", "champion", champion)
    dev = read_data(load(FinetuneSettings, environ={}, file=config).settings).dev
    freeze(registry.root, "tiny", CLASSIFY, dev, name="made", at_s=0.0)

    command = [
        "--set", "only=[tiny]", f"state_dir={tmp_path / 'var'}", f"backbone.source={new}",
        "backbone.precision=float32", f"before.source={old}", "before.precision=float32",
        "resamples=100",
    ]  # fmt: skip
    assert main(command) == 0
    said = capsys.readouterr().err
    successor = registry.resolve("tiny", "candidate")
    assert f"banyan promote {successor}" in said
    assert registry.resolve("tiny") == champion
    manifest = registry.bundle(successor).manifest
    assert manifest.backbone.sha256 == locate(BackboneConfig(source=str(new))).sha256
    words = shlex.split(manifest.command or "")
    assert words[:5] == ["python", "-m", "pipelines.finetune", "--config", str(config)]
    assert {"lora.alpha=8", f"backbone.source={new}"} <= set(words)

    (report,) = (tmp_path / "var" / "rebasing").glob("*/report.json")
    (outcome,) = json.loads(report.read_text())
    assert (outcome["before"], outcome["after"]) == (champion, successor)
    assert outcome["metrics_before"]["accuracy"]["n"] == 40
    paired = outcome["paired"]
    assert paired["difference"]["value"] == pytest.approx(paired["after"] - paired["before"])
    assert outcome["note"] is None

    assert main(command) == 0
    assert f"{successor} was made before" in capsys.readouterr().err
    # Made for it already, once it serves.
    registry.set_alias("tiny", "champion", successor)
    assert main(command) == 0
    assert "already" in capsys.readouterr().err


def test_what_cannot_be_made_is_named_and_nothing_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = write_encoder(tmp_path, "bert")
    common = [f"state_dir={tmp_path / 'var'}", f"backbone.source={new}"]
    missing = f"finetune.data_dir={tmp_path / 'none'}"
    assert main(["--set", *common, missing, "only=[support-intent]"]) == 1
    assert main(["--set", *common, "only=[nobody]"]) == 1
    said = capsys.readouterr().err
    assert "support-intent is not made" in said
    assert "nobody has no champion" in said
    assert not (tmp_path / "var" / "models").exists()
    (report,) = (tmp_path / "var" / "rebasing").glob("*/report.json")
    (outcome,) = json.loads(report.read_text())
    assert outcome["after"] is None
    assert str(tmp_path / "none") in outcome["fault"]


def test_two_are_not_compared_on_a_set_whose_texts_are_not_there(tmp_path: Path) -> None:
    registry = open_registry(tmp_path)
    champion = registry.bundle(registry.resolve("support-intent"))
    settings = RebaseSettings(backbone=BackboneConfig(), registry=tmp_path)
    reason = compare(champion, champion, settings)
    assert isinstance(reason, str)
    assert "its texts are not there" in reason


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (None, "names no command"),
        ("python -m pipelines.fewshot --config x.yaml", "not by pipelines.finetune"),
        ("python -m pipelines.finetune --set a=b", "names no --config"),
        ("python -m pipelines.finetune --config gone.yaml", "gone.yaml"),
    ],
)
def test_a_bundle_without_a_recipe_is_refused(command: str | None, said: str) -> None:
    registry = open_registry(Path("none"))
    manifest = registry.bundle(registry.resolve("support-intent")).manifest
    settings = RebaseSettings(backbone=BackboneConfig())
    with pytest.raises(ConfigError, match=said):
        recipe_of(Manifest(**{**dict(manifest), "command": command}), settings)
