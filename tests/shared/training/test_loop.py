from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from shared.training.checkpoint import CheckpointStore
from shared.training.loop import TrainingLoop
from shared.training.progress import read_position
from shared.training.workers import ALONE
from tests.shared.training import made


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Layers of width 16 gain nothing from threads, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _final_weights(folder: Path) -> dict[str, torch.Tensor]:
    checkpoint = CheckpointStore(folder / "checkpoints", keep=2).newest()
    assert checkpoint is not None
    return checkpoint.model


def test_learns_and_keeps_the_best_epoch(tmp_path: Path) -> None:
    run = made.run(tmp_path, adapter_learning_rate=0.01, head_learning_rate=0.1)
    state = TrainingLoop(made.classifier(), run, ALONE).run()
    assert len(state.history) == 4
    assert state.history[-1].train_loss < state.history[0].train_loss
    assert max(score.metrics["accuracy"] for score in state.history) > 0.9
    best = state.history[state.best_epoch].metrics["accuracy"]
    assert best == max(score.metrics["accuracy"] for score in state.history)
    store = CheckpointStore(tmp_path / "checkpoints", keep=2)
    logits = store.best(state).dev["logits"].numpy()
    truth = made.run(tmp_path).dev.targets
    assert (logits.argmax(axis=1) == truth).mean() == pytest.approx(best)
    position = read_position(tmp_path)
    assert position is not None
    assert position.finished == state.history


def test_a_resumed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    expected = TrainingLoop(made.classifier(0.1), made.run(whole, epochs=3), ALONE).run()
    with pytest.raises(InterruptedError):
        TrainingLoop(made.classifier(0.1), made.run(broken, epochs=3), ALONE).run(
            made.stopping_after(2)
        )
    resumed = TrainingLoop(made.classifier(0.1), made.run(broken, epochs=3), ALONE).run()
    assert [score.train_loss for score in resumed.history] == [
        score.train_loss for score in expected.history
    ]
    for name, tensor in _final_weights(whole).items():
        assert torch.equal(tensor, _final_weights(broken)[name]), name


def test_a_finished_run_trains_no_more(tmp_path: Path) -> None:
    state = TrainingLoop(made.classifier(), made.run(tmp_path, epochs=1), ALONE).run()
    again = TrainingLoop(made.classifier(), made.run(tmp_path, epochs=1), ALONE)
    assert again.run(made.stopping_after(1)) == state


def test_patience_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    run = made.run(tmp_path, epochs=9, patience=2, adapter_learning_rate=1e-12, warmup=0.0)
    frozen = TrainingLoop(made.classifier(), run, ALONE)
    for parameter in frozen._model.head_parameters():
        parameter.requires_grad_(False)
    state = frozen.run()
    assert (state.best_epoch, len(state.history)) == (0, 3)


def test_only_adapter_and_head_change(tmp_path: Path) -> None:
    model = made.classifier()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    TrainingLoop(model, made.run(tmp_path, epochs=1), ALONE).run()
    changed = {
        name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])
    }
    assert changed
    assert all("lora_" in name or name.startswith("head.") for name in changed)
