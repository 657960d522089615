import json
import re
from pathlib import Path

import numpy as np
import pytest

from shared.artifacts.promotion import GateResult
from shared.models.bundle import Bundle
from shared.models.tasks import ClassifyOutput, TaskKind
from shared.training.evaluation.evaluation import Cost, Evaluated
from shared.training.evaluation.report import CARD_FILE, HTML_FILE, JSON_FILE, write_report
from shared.training.tasks.classify.evaluation import ClassEvaluation
from shared.training.tasks.classify.examples import Example
from tests.shared.training.tasks.test_evaluation import manifest

HOSTILE = "<script>alert('|$x$')</script>"
GATES = [
    GateResult(gate="metric", holds=True, found="0.9", limit="0.8", remedy="none"),
    GateResult(gate="floor", holds=False, found="0.1 < 0.2", limit="0.2", remedy="train"),
]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    labels = ("no", HOSTILE)
    generator = np.random.default_rng(0)
    first = generator.random(60).astype(np.float32)
    evaluation = ClassEvaluation(
        tuple(Example(str(i), labels[int(p < 0.6)]) for i, p in enumerate(first))
    )
    made_for = manifest(TaskKind.CLASSIFY, 1.5).model_copy(update={"labels": labels})
    output = ClassifyOutput("b", 1, labels, np.stack([first, 1 - first], axis=1))
    judgement = evaluation.judge(output, made_for)
    cost = Cost(
        inputs=60,
        tokens=600,
        texts_per_s=100,
        tokens_per_s=1000,
        latency_p50_ms=5,
        latency_p99_ms=9,
        peak_memory_mib=800,
        bundle_bytes=2_500_000,
    )
    bundle = Bundle("some-task@0123456789ab", tmp_path, made_for)
    evaluated = Evaluated(bundle, "made", judgement, judgement.intervals(100), cost)
    write_report(tmp_path, evaluated, GATES)
    return tmp_path


def test_the_json_holds_all_that_was_measured(report: Path) -> None:
    found = json.loads((report / JSON_FILE).read_text())

    assert found["bundle"] == "some-task@0123456789ab"
    assert found["figures"].keys() == {"accuracy", "macro_f1", "ece", "ece_raw"}
    assert found["figures"]["accuracy"].keys() == {"value", "low", "high", "n"}
    assert sum(map(sum, found["confusion"]["counts"])) == sum(found["reliability"]["counts"]) == 60
    assert found["risk_coverage"]["coverage"][-1] == 1.0
    assert found["risk_coverage"]["risk"][-1] == pytest.approx(
        1 - found["figures"]["accuracy"]["value"]
    )
    assert [gate["holds"] for gate in found["gates"]] == [True, False]


def test_the_page_stands_alone_and_runs_nothing(report: Path) -> None:
    page = (report / HTML_FILE).read_text()

    assert page.count("<svg") == 5
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    links = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.findall(r"url\((?!#)", page)
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert "0.1 &lt; 0.2" in page


def test_the_card_has_the_figures_and_the_gates(report: Path) -> None:
    card = (report / CARD_FILE).read_text()

    assert "| accuracy | " in card
    assert "| floor | FAILS | 0.1 < 0.2 | 0.2 |" in card
    assert r"alert('\|$x$')" in card
    assert "| mean over classes | " in card
