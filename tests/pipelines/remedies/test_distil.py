"""A teacher scores lists, and a student learns from them: without Ray, on the real backbone."""

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import pipelines.finetune
from pipelines.distil import main
from shared.config import Layer, resolve
from shared.models.backbone import Backbone, BackboneConfig
from shared.models.bundle import Bundle
from shared.models.runners import Runners
from shared.models.tasks import ScoreOutput
from shared.training.evaluation.answering import answer
from shared.training.settings import FinetuneSettings
from shared.training.tasks.score.rows import lists

BACKBONE = {"precision": "float32", "device": "cpu"}
PARCELS = ["the parcel came late", "the parcel was lost", "the parcel is on its way"]
CARDS = ["a card was stolen", "a card was blocked", "a card came by post"]


def _rows(path: Path, rows: int, **more: object) -> Path:
    """Lists of a parcel and a card, of which a question names one, or something else."""
    with path.open("w") as file:
        for i in range(rows):
            parcel, card = PARCELS[i % 3], CARDS[i // 3 % 3]
            right, wrong = (parcel, card) if i % 2 else (card, parcel)
            asked = "where is my parcel?" if i % 2 else "what of my card?"
            nothing = i % 5 == 0
            row = {
                "query": "do you sell gold?" if nothing else asked,
                "positives": [] if nothing else [right],
                "negatives": [right, wrong] if nothing else [wrong],
                "group": f"g{i}",
            }
            file.write(json.dumps(row | more) + "\n")
    return path


def _finetune(folder: Path, task: str, train: Path, **optimisation: object) -> Bundle:
    dev = _rows(folder / "dev.jsonl", 20)
    values = {
        "task": task,
        "kind": "score",
        "backbone": BACKBONE,
        "data": {
            "train": {"path": str(train), "format": "lists"},
            "dev": {"path": str(dev), "format": "lists"},
        },
        "lora": {"rank": 4, "alpha": 8},
        "optimisation": {
            "objective": "lists", "epochs": 1, "max_batch_tokens": 512, **optimisation,
        },
        "state_dir": str(folder / "var"),
    }  # fmt: skip
    settings = resolve(FinetuneSettings, Layer("test", values)).settings
    return pipelines.finetune.finetune(settings, command="test", console=Console(quiet=True))


def _distil(folder: Path, source: Path, teacher: str, *more: str, name: str = "lists") -> list[str]:
    return [
        "--set",
        f"files={{path: {source}, format: {name}}}",
        f"teacher={teacher}",
        f"output={folder / 'out' / 'taught.jsonl'}",
        f"state_dir={folder / 'var'}",
        *(f"backbone.{key}={value}" for key, value in BACKBONE.items()),
        *more,
    ]


@pytest.mark.usefixtures("without_ray")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_student_is_taught_by_the_scores_of_a_teacher(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = _rows(tmp_path / "lists.jsonl", 50, scores=[1, 1], teacher="an earlier one")
    teacher = _finetune(tmp_path, "judge-large", source)
    assert main(_distil(tmp_path, source, "judge-large")) == 0
    assert f"{teacher.id} scored 100 documents of 50 lists" in capsys.readouterr().err

    taught = tmp_path / "out" / "taught.jsonl"
    rows = [json.loads(line) for line in taught.read_text().splitlines()]
    before = [json.loads(line) for line in source.read_text().splitlines()]
    replaced = {"scores": [1, 1], "teacher": "an earlier one"}
    assert [row | replaced for row in rows] == before
    assert {row["teacher"] for row in rows} == {teacher.id}

    # The logits are those that serving makes its calibrated scores of.
    runners = Runners(Backbone.load(BackboneConfig.model_validate(BACKBONE)))
    runners.load(teacher)
    examples = [lists(row)[0] for row in rows]
    pairs = [(each.query, document) for each in examples for document in each.documents]
    output = answer(runners, teacher, pairs).output
    assert isinstance(output, ScoreOutput)
    logits = np.concatenate([row["scores"] for row in rows])
    served = 1 / (1 + np.exp(-logits / teacher.manifest.calibration.temperature))
    assert served == pytest.approx(output.scores, abs=1e-5)

    student = _finetune(tmp_path, "judge-small", taught, teacher_weight=0.5)
    card = (student.folder / "README.md").read_text()
    assert f"scores of {teacher.id} were learned from beside the labels: weight 0.5" in card


@pytest.mark.parametrize(
    ("teacher", "more", "name", "reason"),
    [
        ("support-intent", (), "lists", "is of kind classify, and only a teacher of kind score"),
        ("nobody", (), "lists", "the task 'nobody' has no champion and no candidate"),
        ("nobody", (), "plain", "has the format plain, and a teacher scores lists"),
        ("nobody", ("output=taught.csv",), "lists", "name it .jsonl"),
    ],
)
def test_faults_are_told_and_nothing_is_written(
    teacher: str,
    more: tuple[str, ...],
    name: str,
    reason: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = _rows(tmp_path / "lists.jsonl", 4)
    assert main(_distil(tmp_path, source, teacher, *more, name=name)) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
