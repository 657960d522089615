"""Tests: adversarial."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.models.bundle import Method
from shared.training.loop.loop import TrainingLoop
from shared.training.loop.passes import ModelPasses
from shared.training.loop.workers import ALONE
from shared.training.methods.model import TunedModel
from shared.training.remedies.adversarial import Adversarial
from shared.training.remedies.remedy import Step
from shared.training.tasks.objective import CrossEntropy
from tests.shared.training import made

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS = np.arange(30)
ARRAYS = made.arrays(90, seed=3)
PLAIN = CrossEntropy(np.ones(made.CLASSES, np.float32), 0.0)


def _losses(model: TunedModel, settings: Adversarial) -> tuple[float, float]:
    """The plain loss of some rows, and that of the same rows where they are moved."""
    model.eval()
    passes = ModelPasses(model, PLAIN, 0, ALONE)
    outputs = passes.outputs(ARRAYS, ROWS)
    loss = passes.loss(outputs, ARRAYS, ROWS)
    step = Step(passes, ARRAYS, ROWS, outputs, outputs, loss)
    return loss.item(), settings.penalty({}, (), model).total(step).item()


def _trained(folder: Path, *remedies: Adversarial, method: Method = Method.FULL) -> TunedModel:
    folder.mkdir()
    model = made.classifier(tuned_encoder=made.tuned(method))
    penalties = [each.penalty({}, (), model) for each in remedies]
    run = made.run(folder, epochs=3, encoder_learning_rate=1e-3)
    TrainingLoop(model, dataclasses.replace(run, penalties=penalties), ALONE).run()
    return model


@pytest.mark.parametrize("method", [Method.LORA, Method.FULL])
def test_the_loss_rises_where_the_tokens_are_moved(tmp_path: Path, method: Method) -> None:
    model = _trained(tmp_path / "run", method=method)
    plain, moved = _losses(model, Adversarial(remedy="adversarial", size=0.5))
    _, further = _losses(model, Adversarial(remedy="adversarial", size=2.0))
    _, in_steps = _losses(model, Adversarial(remedy="adversarial", size=2.0, steps=4))
    _, halved = _losses(model, Adversarial(remedy="adversarial", size=2.0, weight=0.5))
    assert plain < moved < further <= in_steps
    assert halved == pytest.approx(further / 2)


def test_what_learned_from_moved_tokens_loses_less_to_them(tmp_path: Path) -> None:
    remedy = Adversarial(remedy="adversarial", size=0.5)
    attack = Adversarial(remedy="adversarial", size=0.5, steps=3)
    _, without = _losses(_trained(tmp_path / "without"), attack)
    _, learned = _losses(_trained(tmp_path / "with", remedy), attack)
    assert learned < 0.9 * without


def test_the_moved_tokens_are_within_the_size_and_padding_stays(tmp_path: Path) -> None:
    model = made.classifier()
    # A head that prefers something: without it no direction is worse than another.
    assert model.head is not None
    torch.nn.init.normal_(model.head.linear.weight)
    seen: list[torch.Tensor] = []

    class Watched(ModelPasses):
        def outputs(self, arrays, rows, shift=None):  # type: ignore[no-untyped-def]
            seen.append(shift)
            return super().outputs(arrays, rows, shift)

    passes = Watched(model, PLAIN, 0, ALONE)
    outputs = model(*map(torch.from_numpy, ARRAYS.padded(ROWS, 0)))
    step = Step(passes, ARRAYS, ROWS, outputs, outputs, passes.loss(outputs, ARRAYS, ROWS))
    Adversarial(remedy="adversarial", size=0.7, steps=3).penalty({}, (), model).total(step)
    lengths = torch.linalg.vector_norm(seen[-1], dim=(1, 2))
    assert lengths.max() <= 0.7 + 1e-5
    assert lengths.min() > 0.1
    _, attended = ARRAYS.padded(ROWS, 0)
    assert not seen[-1][torch.from_numpy(attended) == 0].any()
