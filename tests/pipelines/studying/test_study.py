"""A study from its configuration to its page: without Ray, on a small random backbone."""

import json
from pathlib import Path

import pytest
import yaml

from pipelines.finetune import finetune
from pipelines.study import main
from shared.models.bundle import Bundle
from tests.harness.models.encoders import write_encoder
from tests.harness.models.requests import write_requests

pytestmark = pytest.mark.usefixtures("without_ray")


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    base = {
        "task": "tiny",
        "backbone": {"source": str(write_encoder(tmp_path, "bert")), "device": "cpu",
                     "precision": "float32"},
        "data": {
            "train": write_requests(tmp_path / "train.jsonl", 90, 0),
            "dev": write_requests(tmp_path / "dev.jsonl", 30, 1),
            "measured": {"more": write_requests(tmp_path / "more.jsonl", 60, 2)},
        },
        "examples_per_class": 8,
        "max_length": 32,
        "remedies": [{"remedy": "mixup"}, {"remedy": "adversarial"}],
        "optimisation": {"max_batch_tokens": 256, "encoder_learning_rate": 0.01, "epochs": 2},
    }  # fmt: skip
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    return ["--set", f"base={tmp_path / 'base.yaml'}", "seeds=[0,1]", f"state_dir={tmp_path}"]


def test_a_study_goes_on_and_ends_with_a_table_and_a_page(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made: list[Bundle] = []
    most = 3

    def stopping(*arguments: object, **more: object) -> Bundle:
        if len(made) == most:
            raise KeyboardInterrupt
        made.append(finetune(*arguments, **more))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr("pipelines.studying.training.finetune", stopping)
    assert main(command) == 130
    most = 8
    assert main(command) == 0
    assert len(made) == 8
    (folder,) = (tmp_path / "studies").glob("tiny-*")
    study = json.loads((folder / "study.json").read_text())
    assert [(row["variant"], row["data"]) for row in study["rows"]] == [
        (name, "more") for name in ("without", "mixup", "adversarial", "all together")
    ]
    without, *others = study["rows"]
    assert [each["metric"] for each in without["differences"]] == ["accuracy", "ece"]
    assert without["differences"][0]["apart"]["value"] == 0
    assert {each["verdict"] for row in others for each in row["differences"]} <= {
        "helps",
        "harms",
        "no difference shown",
    }
    assert study["costs"][0]["latency_of_first"] == 1.0
    page = (folder / "study.html").read_text()
    assert page.count("<svg") == 2
    assert "What it cost" in page
    assert "| adversarial | more | accuracy |" in (folder / "study.md").read_text()
    assert "study.html" in capsys.readouterr().err

    assert main(command) == 0
    assert len(made) == 8


def test_a_figure_that_the_kind_has_not_is_refused(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "seeds=0", "metrics=[fun]"]) == 1
    assert "'fun' is no figure here: choose from accuracy" in capsys.readouterr().err
