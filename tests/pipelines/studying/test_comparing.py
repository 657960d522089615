"""Tests: comparing."""

import numpy as np
import numpy.typing as npt
import pytest

from pipelines.studying.comparing import Verdict, compare, metrics_of
from shared.training.evaluation.judgement import Confidence, Judgement, mean


def _judged(right: npt.NDArray[np.bool_], confidence: float = 0.9) -> Judgement:
    served = np.full(len(right), confidence)
    return Judgement(
        "texts",
        len(right),
        {"accuracy": mean(right.astype(np.float64))},
        0.5,
        confidence=Confidence(served, right),
    )


def _right(share: float, seed: int, n: int = 400) -> npt.NDArray[np.bool_]:
    return np.random.default_rng(seed).random(n) < share


@pytest.mark.parametrize(
    ("gained", "verdict"), [(0.1, Verdict.HELPS), (0.0, Verdict.NONE), (-0.1, Verdict.HARMS)]
)
def test_a_difference_is_told_where_its_interval_leaves_0_out(
    gained: float, verdict: Verdict
) -> None:
    """Both variants look at the same noise, so that the difference alone is left."""
    theirs = [_judged(_right(0.7, seed)) for seed in range(3)]
    ours = [_judged(_right(0.7 + gained, seed)) for seed in range(3)]
    (found,) = compare(ours, theirs, ["accuracy"], 300)
    assert found.verdict is verdict
    assert found.apart.low <= found.apart.value <= found.apart.high
    assert found.apart.value == pytest.approx(gained, abs=0.03)
    assert found.value == pytest.approx(0.7 + gained, abs=0.05)


def test_seeds_that_disagree_show_nothing() -> None:
    theirs = [_judged(_right(0.7, seed)) for seed in range(3)]
    ours = [_judged(_right(share, seed)) for seed, share in enumerate((0.8, 0.62, 0.75))]
    (found,) = compare(ours, theirs, ["accuracy"], 300)
    assert found.verdict is Verdict.NONE


def test_a_lower_calibration_error_helps() -> None:
    theirs = [_judged(_right(0.7, seed), confidence=0.95) for seed in range(3)]
    ours = [_judged(_right(0.7, seed), confidence=0.72) for seed in range(3)]
    metrics = metrics_of(ours, None)
    assert metrics == ["accuracy", "ece"]
    accuracy, error = compare(ours, theirs, metrics, 300)
    assert accuracy.verdict is Verdict.NONE
    assert accuracy.apart.value == 0
    assert error.apart.value < -0.1
    assert error.verdict is Verdict.HELPS


def test_other_units_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="units"):
        compare([_judged(_right(0.5, 0, 10))], [_judged(_right(0.5, 0, 11))], ["accuracy"], 100)
