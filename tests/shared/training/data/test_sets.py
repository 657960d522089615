"""Sets as a configuration names them: limits on bad rows, rejects, splits, sources."""

import csv
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.errors import DependencyError, InputError
from shared.training.data.formats import Columns
from shared.training.data.sets import ReadSets, read_sets
from shared.training.data.settings import DataSettings
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.classify.kind import CLASSIFY

REVISION = "0123456789abcdef0123456789abcdef01234567"


def _write(path: Path, good: int, bad: int = 0) -> str:
    rows = [{"text": f"{path.stem} {i}", "label": "a"} for i in range(good)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *({"text": ""},) * bad]))
    return str(path)


def _read(folder: Path, **data: object) -> ReadSets[Example]:
    return read_sets(
        DataSettings.model_validate(data),
        lambda file: CLASSIFY.reader(file, Columns()),
        data_dir=folder,
        rejects=folder / "rejects.csv",
    )


def test_bad_rows_of_all_sets_are_told_and_written_at_once(tmp_path: Path) -> None:
    files = {name: _write(tmp_path / f"{name}.jsonl", 20, 15) for name in ("train", "dev", "other")}
    with pytest.raises(InputError) as caught:
        _read(tmp_path, train=files["train"], dev=files["dev"], measured={"other": files["other"]})
    message = str(caught.value)
    assert "the data has 45 faults; none of it was used" in message
    assert f"and 25 more (all of them are in {tmp_path / 'rejects.csv'})" in message
    with (tmp_path / "rejects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 45
    assert rows[0] == {"file": files["train"], "row": "21", "reason": "'text' is empty"}
    assert {row["file"] for row in rows} == set(files.values())


def test_few_bad_rows_may_be_left_out_and_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train, dev = _write(tmp_path / "t.jsonl", 97, 3), _write(tmp_path / "d.jsonl", 10)
    sets = _read(tmp_path, train=train, dev=dev, max_bad_share=0.03)
    assert (len(sets.train), len(sets.dev), len(sets.rejected)) == (97, 10, 3)
    assert "3 bad rows are left out" in caplog.text
    assert len((tmp_path / "rejects.csv").read_text().splitlines()) == 4
    assert len(_read(tmp_path, train=train, dev=dev, max_bad_rows=3).train) == 97
    with pytest.raises(InputError, match="3 faults"):
        _read(tmp_path, train=train, dev=dev, max_bad_rows=2, max_bad_share=0.02)
    _read(tmp_path, train=dev, dev=dev)
    assert not (tmp_path / "rejects.csv").exists()


def test_a_set_is_judged_by_itself(tmp_path: Path) -> None:
    train, dev = _write(tmp_path / "t.jsonl", 1000), _write(tmp_path / "d.jsonl", 2, 8)
    with pytest.raises(InputError, match="8 faults"):
        _read(tmp_path, train=train, dev=dev, max_bad_share=0.1)


def test_a_damaged_file_stops_the_run_whatever_is_allowed(tmp_path: Path) -> None:
    train = _write(tmp_path / "t.jsonl", 10, 1)
    (tmp_path / "d.csv").write_text('text,label\nfine,a\n"open,a\n')
    with pytest.raises(InputError, match="1 fault") as caught:
        _read(tmp_path, train=train, dev=str(tmp_path / "d.csv"), max_bad_rows=100)
    assert "what follows cannot be split into rows" in str(caught.value)


def test_a_split_parts_train_and_the_data_dir_is_filled_in(tmp_path: Path) -> None:
    _write(tmp_path / "t.jsonl", 400)
    other = _write(tmp_path / "other.jsonl", 5)
    sets = _read(
        tmp_path,
        train="{data_dir}/t.jsonl",
        measured={"other": other},
        split={"by": "text_hash", "dev": 0.2, "test": 0.2},
    )
    assert list(sets.all()) == ["train", "dev", "test", "other"]
    texts = [str(each.text) for name in ("train", "dev", "test") for each in sets.all()[name]]
    assert sorted(texts) == sorted(f"t {i}" for i in range(400))
    assert len(sets.measured["other"]) == 5


def test_four_parts_come_from_files_and_from_a_split(tmp_path: Path) -> None:
    _write(tmp_path / "t.jsonl", 400)
    (tmp_path / "g.jsonl").write_text(
        '{"text": "T 7!", "label": "a"}\n{"text": "unseen", "label": " a"}\n'
    )
    sets = _read(
        tmp_path,
        train="{data_dir}/t.jsonl",
        gate="{data_dir}/g.jsonl",
        split={"by": "text_hash", "choice": 0.2, "calibration": 0.1},
        near_duplicate=1.0,
    )
    assert list(sets.all()) == ["train", "choice", "calibration", "gate"]
    texts = [str(e.text) for name in ("train", "choice", "calibration") for e in sets.all()[name]]
    assert sorted(texts) == sorted(f"t {i}" for i in range(400) if i != 7)
    assert [each.text for each in sets.measured["gate"]] == ["T 7!", "unseen"]
    said = "; ".join(sets.notes)
    assert "1 label(s) have space around them" in said
    assert "1 row of train left out: gate has their texts" in said
    assert "gate has 2 rows: few to judge by" in said


def test_columns_of_a_file_are_mapped_before_it_is_split(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("headline,mood,fold\n" + "up,good,train\n" * 2 + "down,bad,validation\n")
    file = {"path": str(path), "columns": {"text": "headline", "label": "mood", "split": "fold"}}
    sets = _read(tmp_path, train=file, split={"by": "field"})
    assert sets.train == [Example("up", "good")] * 2
    assert sets.dev == [Example("down", "bad")]


def test_reads_a_hugging_face_data_set_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "datasets--acme--moods" / "snapshots" / REVISION
    (snapshot / "data").mkdir(parents=True)
    for part in (0, 1):
        _write(snapshot / "data" / f"train-{part}.jsonl", 3)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    dev = _write(tmp_path / "d.jsonl", 2)
    start = f"hf://datasets/acme/moods@{REVISION}"
    texts = [each.text for each in _read(tmp_path, train=f"{start}/data/train-*", dev=dev).train]
    assert texts == [f"train-{part} {i}" for part in (0, 1) for i in range(3)]
    with pytest.raises(InputError, match=r"fits 'test-\*'"):
        _read(tmp_path, train=f"{start}/test-*", dev=dev)
    with pytest.raises(DependencyError, match="does not give the data set acme/other"):
        _read(tmp_path, train=f"hf://datasets/acme/other@{REVISION}/train.csv", dev=dev)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"train": "a.csv"}, "neither is given"),
        ({"train": "a", "dev": "b", "split": {"by": "field"}}, "both are given"),
        ({"train": "a", "split": {"by": "luck"}}, "'field', 'time', 'text_hash'"),
        ({"train": "a", "split": {"by": "time"}}, "split.time.column"),
        ({"train": "a", "split": {"by": "text_hash", "dev": 0.6, "test": 0.4}}, "leave nothing"),
        ({"train": "hf://datasets/acme/moods@main/a.csv", "dev": "b"}, "40 hexadecimal digits"),
        (
            {"train": "a", "split": {"by": "field"}, "measured": {"test": "b"}},
            "test is the name of a part of the data",
        ),
        ({"train": "a", "choice": "b", "gate": "c"}, "given are choice, gate"),
        ({"train": "a", "dev": "b", "choice": "b", "calibration": "c", "gate": "d"}, "and no dev"),
        (
            {"train": "a", "gate": "b", "split": {"by": "text_hash", "choice": 0.1}},
            "given are choice, gate",
        ),
        (
            {"train": "a", "split": {"by": "text_hash", "dev": 0.1, "gate": 0.1}},
            "give choice, calibration and gate, or dev and test, not both",
        ),
        ({"train": "a", "dev": "b", "group": "user"}, "kept apart by it"),
    ],
)
def test_refuses_settings(data: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DataSettings.model_validate(data)
    assert fault in str(caught.value) or fault in str(caught.value).replace("\n", ".")
