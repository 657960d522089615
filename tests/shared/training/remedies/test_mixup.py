"""Tests: mixup."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.models.bundle import Method
from shared.training.loop.loop import TrainingLoop
from shared.training.loop.workers import ALONE
from shared.training.remedies.mixup import Mixup
from tests.shared.training import made

pytestmark = pytest.mark.usefixtures("one_thread")


def _certainty_between_classes(folder: Path, *remedies: Mixup) -> float:
    """How sure a trained model is, on average, of the mean of two vectors of different classes."""
    folder.mkdir()
    model = made.classifier(tuned_encoder=made.tuned(Method.FULL))
    penalties = [each.penalty({}, (), model) for each in remedies]
    run = made.run(
        folder,
        epochs=8,
        label_smoothing=0.0,
        encoder_learning_rate=3e-3,
        head_learning_rate=0.05,
    )
    TrainingLoop(model, dataclasses.replace(run, penalties=penalties), ALONE).run()
    model.eval()
    assert model.head is not None
    inputs = [torch.from_numpy(each) for each in run.train.padded(np.arange(60), 0)]
    with torch.no_grad():
        hidden = model.tuned({"input_ids": inputs[0], "attention_mask": inputs[1]})
        vectors = made.mean_pool(hidden, inputs[1])
        mixed = (vectors + vectors.roll(1, dims=0)) / 2
        return float(model.head(mixed).softmax(-1).max(-1).values.mean())


def test_between_two_classes_a_model_is_less_sure(tmp_path: Path) -> None:
    """Neighbouring rows of the tiny data have different classes."""
    without = _certainty_between_classes(tmp_path / "without")
    mixed = _certainty_between_classes(tmp_path / "with", Mixup(remedy="mixup", alpha=1.0))
    assert mixed < without - 0.05
