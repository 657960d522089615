"""A task on a further backbone, by the command line: from a CSV to its promotion."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from shared.models.backbone import Backbone
from shared.models.registry import open_registry
from shared.models.source import BackboneConfig
from tests.harness.models.encoders import write_encoder

TASK = "finance-sentiment-zh"
Banyan = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A random encoder: this says nothing of quality."""
    return write_encoder(tmp_path / "zh", "bert")


@pytest.fixture
def banyan(tmp_path: Path, folder: Path) -> Banyan:
    environ = {
        "BANYAN_STATE_DIR": str(tmp_path / "var"),
        "BANYAN_BACKBONE__BACKBONES__ZH__SOURCE": str(folder),
        "COLUMNS": "200",
    }

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env=environ)

    return run


def write_news(path: Path) -> Path:
    """Rows in which one character says all, so that few epochs learn it, in GB18030."""
    chosen = random.Random(3)
    rows = ["标题,标签"]
    for number in range(120):
        noise = "".join(chosen.choices("公司年报净利股东大会决议项目中标生产线产能", k=12))
        word, label = (("涨", "positive"), ("跌", "negative"))[number % 2]
        rows.append(f"{noise}{word}{number},{label}")
    path.write_bytes("\n".join(rows).encode("gb18030"))
    return path


@pytest.mark.usefixtures("without_ray")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_chinese_table_is_trained_and_promoted_on_its_backbone(
    banyan: Banyan, folder: Path, tmp_path: Path
) -> None:
    news = write_news(tmp_path / "news.csv")
    quick = ["optimisation.epochs=1", "tracking.tensorboard=false", "method=head"]
    settings = [word for one in quick for word in ("--set", one)]

    trained = banyan("train", str(news), "--task", TASK, "--backbone", "zh", *settings)
    registry = open_registry(tmp_path / "var" / "models")
    assert trained.exit_code == 0, trained.output
    bundle = registry.bundle(registry.resolve(TASK, "candidate"))
    assert (
        bundle.manifest.backbone.sha256 == Backbone.load(BackboneConfig(source=str(folder))).sha256
    )
    assert set(bundle.manifest.labels) == {"negative", "positive"}

    evaluated = banyan("evaluate", TASK)
    gates = [
        f"gates.{each}"
        for each in ("floor=0", "class_floor=0", "max_ece=1", "max_latency_ratio=99")
    ]
    promoted = banyan("promote", TASK, *[word for one in gates for word in ("--set", one)])

    assert evaluated.exit_code == 0, evaluated.output
    assert promoted.exit_code == 0, promoted.output
    assert registry.resolve(TASK) == bundle.id


def test_a_backbone_that_the_deployment_lacks_is_said(banyan: Banyan, tmp_path: Path) -> None:
    news = write_news(tmp_path / "news.csv")

    done = banyan("train", str(news), "--task", TASK, "--backbone", "ja")

    assert done.exit_code == 1
    assert "--backbone ja: the deployment has no such further backbone (it has zh)" in done.stderr
    assert "banyan backbone fetch multilingual-e5-small" in done.stderr
