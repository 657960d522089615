"""Tests: passes."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from shared.models.bundle import HEAD_FILE
from shared.training.loop.checkpoint import CheckpointStore, Tensors
from shared.training.loop.loop import TrainingLoop
from shared.training.loop.workers import ALONE
from shared.training.remedies.remedy import Step
from tests.harness.interrupted import stopping_after
from tests.shared.training import made

pytestmark = pytest.mark.usefixtures("one_thread")


class _Learner(nn.Module):
    """A penalty that is trained: a second head that learns the classes too."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(16, made.CLASSES)

    def total(self, step: Step) -> Tensor:
        return step.passes.loss(self.linear(step.vectors), step.arrays, step.rows)


def _loop(folder: Path) -> TrainingLoop:
    folder.mkdir(exist_ok=True)
    run = dataclasses.replace(made.run(folder, epochs=3), penalties=[_Learner()])
    return TrainingLoop(made.classifier(dropout=0.1), run, ALONE)


def _final(folder: Path) -> Tensors:
    checkpoint = CheckpointStore(folder / "checkpoints", keep=2).newest()
    assert checkpoint is not None
    return checkpoint.model


def test_what_learns_beside_the_model_is_kept_and_resumed(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    _loop(whole).run()
    with pytest.raises(InterruptedError):
        _loop(broken).run(stopping_after(2))
    _loop(broken).run()
    first = _Learner().linear.weight
    assert not torch.equal(_final(whole)["beside.0.linear.weight"], first)
    for name, tensor in _final(whole).items():
        assert torch.equal(tensor, _final(broken)[name]), name


def test_what_learned_beside_the_model_is_no_part_of_it(tmp_path: Path) -> None:
    _loop(tmp_path / "run").run()
    model = made.classifier()
    model.restore(_final(tmp_path / "run"))
    assert not any("beside" in name for name in model.tensors())
    folder = tmp_path / "bundle"
    folder.mkdir()
    model.save(folder, "tiny", tmp_path)
    assert (folder / HEAD_FILE).is_file()
