"""The pipeline of a run's data, on files that a user might bring."""

import json
from pathlib import Path

import pytest

from pipelines.data import main
from shared.training.data.findings import findings
from shared.training.data.report import DataReport
from shared.training.publish.frozen import freeze
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.classify.kind import CLASSIFY


def _configuration(folder: Path, rows: str, **more: object) -> Path:
    (folder / "rows.csv").write_text(rows)
    data = {"train": str(folder / "rows.csv"), "split": {"by": "field"}} | more
    values = {"task": "mood", "data": data, "state_dir": str(folder)}
    (folder / "run.yaml").write_text(json.dumps(values))
    return folder / "run.yaml"


def _run(configuration: Path) -> int:
    return main(["--config", str(configuration)])


def test_writes_the_report_and_the_sets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "text,label,split\nup,good,train\nhigh,good,train\ndown,bad,train\nlow,bad,train\n"
    path = _configuration(tmp_path, rows + "up,good,dev\n,bad,dev\n", max_bad_rows=1)
    assert _run(path) == 0
    folder = tmp_path / "data" / "mood"
    report = DataReport.model_validate_json((folder / "report.json").read_bytes())
    assert report.sets["train"].labels == {"bad": 2, "good": 2}
    assert report.sets["train"].lengths.longest == 3
    assert report.rejected == 1
    assert [each.exact for each in report.overlaps["whole"]] == [0, 0, 1]
    assert (folder / "dev.jsonl").read_text() == '{"text":"up","label":"good"}\n'
    assert (folder / "rejects.csv").read_text().splitlines()[1].endswith(",7,'text' is empty")
    assert "1 bad rows are left out" in capsys.readouterr().err


def test_without_a_configuration_it_says_how_it_is_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--set", "task=mood"])
    assert ended.value.code == 2
    assert "required: --config" in capsys.readouterr().err


def test_what_judges_the_task_must_not_leak_into_train(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "text,label,split\nup,good,train\nhigh,good,train\ndown,bad,train\nlow,bad,train\n"
    path = _configuration(tmp_path, rows + "flat,bad,dev\n")
    judging = [Example("low", "bad"), Example("poor", "bad")]
    freeze(tmp_path / "models", "mood", CLASSIFY, judging, name="m", at_s=0.0)
    assert _run(path) == 0
    folder = tmp_path / "data" / "mood"
    report = DataReport.model_validate_json((folder / "report.json").read_bytes())
    assert findings(report) == [
        "1 of 2 in its frozen evaluation set (50.0%) stand in train too, exactly or nearly"
    ]
    assert {file.name for file in folder.iterdir()} == {"report.json", "train.jsonl", "dev.jsonl"}


def test_labels_that_differ_in_writing_are_told_with_their_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = 'text,label,split\n"up\nand up",good,train\nhigh,Good,train\nfine,good,train\n'
    rows += "up,good,dev\nover,good,train\nlow,bad,train\ndown,bad,train\nlofty,Good,train\n"
    assert _run(_configuration(tmp_path, rows)) == 0
    told = capsys.readouterr().err
    assert "'good' (4 rows, such as 'up\\nand up'; see rows.csv:2, rows.csv:5, rows.csv:6)" in told
    assert "'Good' (2 rows, such as 'high'; see rows.csv:4, rows.csv:10)" in told


def test_says_why_a_run_would_refuse_the_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "text,label,split\nup,good,train\nhigh,good,train\ndown,bad,train\nflat,none,dev\n"
    assert _run(_configuration(tmp_path, rows)) == 1
    told = capsys.readouterr().err
    assert "label 'bad' has 1 example" in told
    assert "label 'none' (1 rows) does not stand in train" in told
    assert (tmp_path / "data" / "mood" / "report.json").exists()


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("", "is empty"),
        ("text,label,split\n", "holds no rows"),
        ("body,label,split\nup,good,train\n", "has no column 'text'"),
        ("text,label\nup,good\n", "has no column 'split'"),
    ],
)
def test_bad_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: str, fault: str
) -> None:
    assert _run(_configuration(tmp_path, rows)) == 1
    assert fault in capsys.readouterr().err
    assert not (tmp_path / "data" / "mood" / "report.json").exists()


def test_a_configuration_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("task: mood\ntask: moods\ndata: {train: a, train: b}\n")
    assert _run(path) == 1
    told = capsys.readouterr().err
    assert "line 2: the key 'task' stands twice" in told
    assert "line 3: the key 'train' stands twice" in told
