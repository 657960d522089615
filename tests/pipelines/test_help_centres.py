"""The help centres to learn from: their form, and that all evidence is exact."""

import json
from pathlib import Path

import pytest

from shared.config import read_yaml

PIPELINES = Path(__file__).parents[2] / "pipelines"
QUESTIONS = {"help_centres": 60, "near_misses": 80}
CENTRES = sorted(
    folder for root in QUESTIONS for folder in (PIPELINES / root).iterdir() if folder.is_dir()
)
FIELDS = {"id", "turns", "answerable", "articles", "evidence"}


def test_there_are_some() -> None:
    assert len(CENTRES) >= 150


@pytest.mark.parametrize("centre", CENTRES, ids=lambda folder: folder.name)
def test_questions_have_exact_evidence(centre: Path) -> None:
    articles = {file.stem: file.read_text("utf-8") for file in centre.glob("articles/*.md")}
    lines = (centre / "questions.jsonl").read_text("utf-8").splitlines()
    questions = [json.loads(line) for line in lines]

    ids = {question["id"] for question in questions}
    assert len(ids) == len(questions) == QUESTIONS[centre.parent.name]
    assert all(text.startswith("# ") for text in articles.values())
    for question in questions:
        assert question.keys() == FIELDS
        assert question["turns"]
        assert all(turn.strip() for turn in question["turns"])
        named = [articles[name] for name in question["articles"]]
        assert bool(named) is bool(question["evidence"]) is (question["answerable"] is True)
        for evidence in question["evidence"]:
            assert sum(evidence in article for article in named) == 1, (question["id"], evidence)


@pytest.mark.parametrize("part", ["choice", "calibration", "gate"])
def test_both_rounds_of_the_judge_keep_the_same_help_centres_from_training(part: str) -> None:
    first, second = (
        read_yaml(PIPELINES / "configs" / f"support_{name}.yaml")[part]
        for name in ("candidates", "near_misses")
    )
    assert first
    assert sorted(first) == sorted(second)
