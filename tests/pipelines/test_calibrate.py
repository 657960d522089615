import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.calibrate import FIELDS, main
from shared.retrieval.calibrations import SUPPORT_CONFIDENCE, open_calibrations, read_questions
from shared.retrieval.confidence import Evidence

WEIGHTS = (4.0, 2.0, 1.0, -0.5, 3.0, 2.0, 0.0, -1.0, 0.5, 1.0)


def _write(folder: Path, count: int = 4000) -> Path:
    """Questions of two sets, one of them four times as large, right by a known logistic."""
    generator = np.random.default_rng(0)
    evidence = generator.normal(size=(count, len(FIELDS)))
    sure = 1 / (1 + np.exp(-(evidence @ np.array(WEIGHTS) - 1.0)))
    right = generator.random(count) < sure
    path = folder / "questions.jsonl"
    rows = (
        {"set": "large" if i % 5 else "small", **dict(zip(FIELDS, row, strict=True)), "right": ok}
        for i, (row, ok) in enumerate(zip(evidence.tolist(), right.tolist(), strict=True))
    )
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_the_weights_are_found_and_told_with_their_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "made" / "confidence"
    given = [f"questions={_write(tmp_path)}", f"output={output}", "embed_bundle=embed@1"]
    given += ["judge_bundle=judge@1"]

    assert main(["--set", *given]) == 0

    store = open_calibrations(output)
    bundle = store.bundle(store.resolve(SUPPORT_CONFIDENCE))
    found = bundle.manifest
    assert [found.weights[name] for name in FIELDS] == pytest.approx(WEIGHTS, abs=0.5)
    assert found.intercept == pytest.approx(-1.0, abs=0.3)
    assert found.fits("embed@1", None, "judge@1")
    assert found.command == " ".join(["python -m pipelines.calibrate --set", *given])
    assert {name: each.questions for name, each in found.domains.items()} == {
        "small": 800,
        "large": 3200,
    }
    assert found.pooled is not None
    for figures in (*found.domains.values(), found.pooled):
        assert figures.calibration_error.value < 0.05
        assert (figures.at_threshold.wrong or 0.0) < 0.2
    assert (found.pooled.at_threshold.wrong or 1.0) <= 0.1
    assert found.probability(Evidence(1, 1, 1, 0, 1)) > 0.99
    assert len(read_questions(bundle)) == 4000
    assert bundle.id in capsys.readouterr().err


def test_faults_are_told_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, output = tmp_path / "questions.jsonl", tmp_path / "confidence"
    row = {"set": "faq", **dict.fromkeys(FIELDS, 0.5), "right": True}
    command = ["--set", f"questions={path}", f"output={output}", "embed_bundle=embed@1"]
    for change, said in (
        ({}, "every best passage is right: give questions of both"),
        ({"dense": "high"}, "'dense' is 'high': expected a number"),
        ({"right": 3}, "'right' is 3: expected true or false"),
        ({"answerable": "no"}, "'answerable' is 'no': expected a number"),
    ):
        path.write_text(f"{json.dumps(row | change)}\n" * 6)
        assert main(command) == 1
        assert said in capsys.readouterr().err
    assert not output.exists()
