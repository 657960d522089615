"""The help centres to learn from: their form, and that all evidence is exact."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "pipelines" / "help_centres"
CENTRES = sorted(folder for folder in ROOT.iterdir() if folder.is_dir())
FIELDS = {"id", "turns", "answerable", "articles", "evidence"}


def test_there_are_some() -> None:
    assert len(CENTRES) >= 50


@pytest.mark.parametrize("centre", CENTRES, ids=lambda folder: folder.name)
def test_questions_have_exact_evidence(centre: Path) -> None:
    articles = {file.stem: file.read_text("utf-8") for file in centre.glob("articles/*.md")}
    lines = (centre / "questions.jsonl").read_text("utf-8").splitlines()
    questions = [json.loads(line) for line in lines]

    assert len({question["id"] for question in questions}) == len(questions) == 60
    assert all(text.startswith("# ") for text in articles.values())
    for question in questions:
        assert question.keys() == FIELDS
        assert question["turns"]
        assert all(turn.strip() for turn in question["turns"])
        named = [articles[name] for name in question["articles"]]
        assert bool(named) is bool(question["evidence"]) is (question["answerable"] is True)
        for evidence in question["evidence"]:
            assert sum(evidence in article for article in named) == 1, (question["id"], evidence)
