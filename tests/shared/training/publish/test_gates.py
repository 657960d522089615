from pathlib import Path

import numpy as np
import pytest

from shared.artifacts.promotion import GateResult
from shared.errors import ConfigError
from shared.models.bundle import Bundle
from shared.models.tasks import ClassifyOutput, TaskKind
from shared.training.evaluation.evaluation import Cost, Evaluated
from shared.training.evaluation.settings import GateSettings
from shared.training.publish.gates import Contest, judge_gates, label_gate
from shared.training.tasks.classify.evaluation import ClassEvaluation
from shared.training.tasks.classify.examples import Example
from tests.shared.training.tasks.test_evaluation import manifest

N = 200


def evaluated(share_right: float, *, sure: float = 0.8, latency_ms: float = 5.0) -> Evaluated:
    """Right on the first so many of 200 texts, half of them of either class."""
    truth = np.arange(N) % 2
    said = np.where(np.arange(N) < share_right * N, truth, 1 - truth)
    probabilities = np.where(np.eye(2)[said] > 0, sure, 1 - sure).astype(np.float32)
    evaluation = ClassEvaluation(
        tuple(Example(str(i), "ab"[label]) for i, label in enumerate(truth))
    )
    made_for = manifest(TaskKind.CLASSIFY).model_copy(update={"labels": ("a", "b")})
    judgement = evaluation.judge(ClassifyOutput("b", 1, ("a", "b"), probabilities), made_for)
    cost = Cost(
        inputs=N,
        tokens=N,
        texts_per_s=1,
        tokens_per_s=1,
        latency_p50_ms=latency_ms,
        latency_p99_ms=latency_ms,
        peak_memory_mib=1,
        bundle_bytes=1,
    )
    bundle = Bundle("some-task@0123456789ab", Path(), made_for)
    return Evaluated(bundle, "made", judgement, judgement.intervals(200), cost)


def gates(
    candidate: Evaluated, champion: Evaluated | None, **settings: object
) -> dict[str, GateResult]:
    rules = GateSettings.model_validate(settings)
    return {
        each.gate: each for each in judge_gates(Contest(candidate, champion, rules, resamples=200))
    }


def test_a_first_bundle_has_floors_only() -> None:
    found = gates(evaluated(0.8), None)

    assert found.keys() == {"floor", "classes", "calibration"}
    assert all(each.holds for each in found.values())
    assert not gates(evaluated(0.8), None, floor=0.81)["floor"].holds
    assert not gates(evaluated(0.5), None)["floor"].holds


def test_the_metric_may_not_be_worse_by_more_than_the_margin() -> None:
    champion = evaluated(0.8)

    assert gates(evaluated(0.8), champion)["metric"].holds
    assert gates(evaluated(0.9), champion)["metric"].holds
    refused = gates(evaluated(0.76), champion)["metric"]
    assert not refused.holds
    for part in ("accuracy 0.7600", "the champion's 0.8000", "-0.0400", "95% confidence"):
        assert part in refused.found
    assert "-0.0200" in refused.limit
    assert gates(evaluated(0.76), champion, margin=0.08)["metric"].holds


@pytest.mark.parametrize(
    ("gate", "candidate", "settings"),
    [
        ("classes", evaluated(0.8), {"class_floor": 0.9}),
        ("calibration", evaluated(0.6, sure=0.99), {}),
        ("latency", evaluated(0.8, latency_ms=8.0), {}),
        ("latency limit", evaluated(0.8), {"max_latency_ms": 4.0}),
    ],
)
def test_each_gate_refuses_alone_and_names_its_figures(
    gate: str, candidate: Evaluated, settings: dict[str, object]
) -> None:
    found = gates(candidate, evaluated(0.6), **settings)

    assert [name for name, each in found.items() if not each.holds] == [gate]
    assert any(character.isdigit() for character in found[gate].found)
    assert any(character.isdigit() for character in found[gate].limit)
    assert found[gate].remedy


def test_another_metric_may_decide() -> None:
    assert "macro_f1" in gates(evaluated(0.8), evaluated(0.8), metric="macro_f1")["metric"].found
    with pytest.raises(ConfigError, match="expected one of accuracy, macro_f1"):
        gates(evaluated(0.8), None, metric="f1")


def test_rare_classes_have_no_floor() -> None:
    assert "classes" not in gates(evaluated(0.8), None, class_rows=N)


def test_labels_may_change_only_on_purpose() -> None:
    old = manifest(TaskKind.CLASSIFY).model_copy(update={"labels": ("a", "b")})
    swapped = old.model_copy(update={"labels": ("b", "a")})
    new = old.model_copy(update={"labels": ("a", "c")})
    other = manifest(TaskKind.TAG)

    assert label_gate(swapped, old, replace=False).holds
    refused = label_gate(new, old, replace=False)
    assert not refused.holds
    assert "adds 'c' and lacks 'b'" in refused.found
    assert "--replace-labels" in refused.remedy
    assert label_gate(new, old, replace=True).holds
    assert not label_gate(other, old, replace=True).holds
