"""The ranking's benchmark, on a small shop: its figures as tables, or as JSON."""

import json
from pathlib import Path

import pytest

from pipelines.ranking import benchmark
from tests.pipelines.ranking.made import data, vectors


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small shop in place of the real data and the backbone."""
    monkeypatch.setattr(benchmark, "read_dataset", lambda name, folder: data())
    monkeypatch.setattr(benchmark, "embedded", lambda texts, cache: vectors(len(texts)))


@pytest.mark.usefixtures("small")
def test_the_figures_are_json_and_nothing_else_on_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--sets", "movies", "--no-factorised", "--out", str(tmp_path)]

    assert benchmark.main([*arguments, "--json"]) == 0

    said = capsys.readouterr()
    assert json.loads(said.out) == json.loads((tmp_path / "ranking.json").read_text("utf-8"))
    assert "ndcg" in said.err.lower()

    assert benchmark.main(arguments) == 0
    assert "ndcg" in capsys.readouterr().out.lower()


def test_a_set_that_is_not_there_is_refused_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert benchmark.main(["--sets", "movies", "films"]) == 1

    assert "there is no data set 'films': choose from movies," in capsys.readouterr().err
