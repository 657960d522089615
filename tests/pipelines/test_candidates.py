import json
from pathlib import Path

import pytest

from pipelines.candidates import main
from shared.training.tasks.score.rows import lists

ARTICLES = {
    "fees": "# Fees\n\nCash at home is free.\n\n## Abroad\n\nA withdrawal abroad costs 2 euros.",
    "cards": "# Cards\n\nA lost card is blocked in the application.\n\nA new card comes in a week.",
    "hours": "# Opening hours\n\nWe open at nine and close at six.",
}
QUESTIONS = [
    (
        "q1",
        ["what does cash cost?", "and in Spain?"],
        ["fees"],
        ["A withdrawal abroad costs 2 euros."],
    ),
    ("q2", ["I cannot find my card"], ["cards"], ["A lost card is blocked in the application."]),
    ("q3", ["Do you sell gold?"], [], []),
]


def _help_centre(folder: Path) -> Path:
    (folder / "articles").mkdir(parents=True)
    for name, text in ARTICLES.items():
        (folder / "articles" / f"{name}.md").write_text(text)
    rows = [
        {"id": i, "turns": t, "answerable": bool(a), "articles": a, "evidence": e}
        for i, t, a, e in QUESTIONS
    ]
    rows.append({"id": "q4", "turns": ["hi"], "answerable": None, "articles": [], "evidence": []})
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _command(folder: Path, *more: str) -> list[str]:
    backbone = ("backbone.device=cpu", "backbone.precision=float32")
    return [
        "--set",
        f"folders=[{folder}]",
        f"output={folder.parent / 'out.jsonl'}",
        *backbone,
        *more,
    ]


def test_questions_have_the_passages_that_answer_and_others(tmp_path: Path) -> None:
    _help_centre(tmp_path / "centres" / "bank")
    _help_centre(tmp_path / "centres" / "zh-bank")
    command = _command(tmp_path / "centres", "passages=3", "gate=[bank]", "without=[zh-]")
    assert main(command) == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["group"], row["part"]) for row in rows] == [("bank", "gate")] * 3
    first, second, third = (lists(row)[0] for row in rows)
    assert first.query == "what does cash cost? | and in Spain?"
    assert first.positives == ("Fees › Abroad\nA withdrawal abroad costs 2 euros.",)
    assert second.positives[0].startswith("Cards › A lost card is blocked")
    assert third.positives == ()
    assert [len(each.documents) for each in (first, second, third)] == [3, 3, 3]

    again = (tmp_path / "out.jsonl").read_bytes()
    assert main(command) == 0
    assert (tmp_path / "out.jsonl").read_bytes() == again


def test_only_the_named_help_centres_are_read(tmp_path: Path) -> None:
    for name in ("bank", "zh-bank"):
        _help_centre(tmp_path / "centres" / name)
    assert main(_command(tmp_path / "centres", "passages=3", "only=[zh-]")) == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {row["group"] for row in rows} == {"zh-bank"}


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_command(tmp_path / "nothing")) == 1
    assert "no help centre is there" in capsys.readouterr().err
    folder = _help_centre(tmp_path / "bank")
    (folder / "articles" / "fees.md").write_text("# Fees\n\nAll is free.")
    assert main(_command(folder)) == 1
    assert "stands in none of ('fees',)" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "how much?", "document": "fees"}, "'row 5' has no `evidence`"),
        ({"id": "q5", "turns": ["how much?"]}, "questions.jsonl:5: has neither `document` nor"),
        ({"id": "q1", "turns": ["a"], "answerable": False}, "the id 'q1' stands twice"),
    ],
)
def test_questions_are_read_as_the_suites_of_evaluate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: dict[str, object], said: str
) -> None:
    folder = _help_centre(tmp_path / "bank")
    with (folder / "questions.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")

    assert main(_command(folder)) == 1

    assert said in " ".join(capsys.readouterr().err.split())
