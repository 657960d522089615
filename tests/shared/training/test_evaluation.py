import numpy as np
import pytest

from shared.training.evaluation import evaluate_classifier


def test_measures_and_calibrates() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0.0, 2.0, size=(2_000, 4))
    truth = (logits + generator.gumbel(size=logits.shape)).argmax(axis=1)
    evaluation = evaluate_classifier((logits * 3).astype(np.float32), truth)
    metrics = evaluation.metrics
    assert evaluation.temperature == pytest.approx(3.0, rel=0.1)
    assert metrics["accuracy"].value == (logits.argmax(axis=1) == truth).mean()
    assert metrics["ece_after"].value < 0.05 < 0.1 < metrics["ece_before"].value
    for metric in metrics.values():
        assert metric.n == 2_000
        assert metric.low <= metric.high
