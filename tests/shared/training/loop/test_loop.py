from pathlib import Path

import pytest
import torch

from shared.models.bundle import Method
from shared.training.loop.checkpoint import CheckpointStore
from shared.training.loop.loop import TrainingLoop
from shared.training.loop.progress import read_position
from shared.training.loop.workers import ALONE
from shared.training.tasks.prediction import predict
from tests.harness.interrupted import stopping_after
from tests.shared.training import made

pytestmark = pytest.mark.usefixtures("one_thread")


def _final_weights(folder: Path) -> dict[str, torch.Tensor]:
    checkpoint = CheckpointStore(folder / "checkpoints", keep=2).newest()
    assert checkpoint is not None
    return checkpoint.model


def test_learns_and_keeps_the_best_epoch(tmp_path: Path) -> None:
    run = made.run(tmp_path, encoder_learning_rate=0.01, head_learning_rate=0.1)
    state = TrainingLoop(made.classifier(), run, ALONE).run()
    assert len(state.history) == 4
    assert state.history[-1].train_loss < state.history[0].train_loss
    assert max(score.metrics["accuracy"] for score in state.history) > 0.9
    best = state.history[state.best_epoch].metrics["accuracy"]
    assert best == max(score.metrics["accuracy"] for score in state.history)
    store = CheckpointStore(tmp_path / "checkpoints", keep=2)
    model, truth = made.classifier(), run.dev.targets
    model.restore(store.best(state).model)
    logits = predict(model, run.dev, run.pad_id, ALONE)
    assert (logits.argmax(axis=1) == truth).mean() == pytest.approx(best)
    position = read_position(tmp_path)
    assert position is not None
    assert position.finished == state.history


@pytest.mark.parametrize("method", [Method.LORA, Method.PROMPT, Method.FULL, Method.HEAD])
def test_a_resumed_run_ends_with_the_same_weights(tmp_path: Path, method: Method) -> None:
    """Stopped between two epochs, and within the third by a corrupt last checkpoint."""

    def loop(folder: Path) -> TrainingLoop:
        folder.mkdir(exist_ok=True)
        run = made.run(folder, every_steps=3, epochs=3)
        return TrainingLoop(made.classifier(tuned_encoder=made.tuned(method, 0.1)), run, ALONE)

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = loop(whole).run()
    with pytest.raises(InterruptedError):
        loop(broken).run(stopping_after(2))
    loop(broken).run()
    (broken / "checkpoints" / "epoch-00002" / "model.safetensors").write_bytes(b"torn")
    again = loop(broken)
    assert again._state.next_epoch == 2
    assert again._state.begun.steps > 0
    resumed = again.run()
    assert [(score.train_loss, score.metrics) for score in resumed.history] == [
        (score.train_loss, score.metrics) for score in expected.history
    ]
    assert _final_weights(whole)
    for name, tensor in _final_weights(whole).items():
        assert torch.equal(tensor, _final_weights(broken)[name]), name


@pytest.mark.parametrize("kind", ["none", "balanced"])
def test_parts_of_a_batch_take_the_step_of_the_whole(tmp_path: Path, kind: str) -> None:
    weights = []
    for accumulation in (1, 4):
        folder = tmp_path / str(accumulation)
        folder.mkdir()
        run = made.run(folder, epochs=1, accumulation=accumulation, class_weights=kind)
        state = TrainingLoop(made.classifier(), run, ALONE).run()
        weights.append((state.history[0].train_loss, _final_weights(folder)))
    (loss, whole), (loss_of_parts, parts) = weights
    assert loss_of_parts == pytest.approx(loss, rel=1e-5)
    for name, tensor in whole.items():
        assert torch.allclose(parts[name], tensor, atol=2e-5), name


def test_a_finished_run_trains_no_more(tmp_path: Path) -> None:
    state = TrainingLoop(made.classifier(), made.run(tmp_path, epochs=1), ALONE).run()
    again = TrainingLoop(made.classifier(), made.run(tmp_path, epochs=1), ALONE)
    assert again.run(stopping_after(1)) == state


def test_patience_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    run = made.run(tmp_path, epochs=9, patience=2, encoder_learning_rate=1e-12, warmup=0.0)
    frozen = TrainingLoop(made.classifier(), run, ALONE)
    for parameter in frozen._model.head_parameters():
        parameter.requires_grad_(False)
    state = frozen.run()
    assert (state.best_epoch, len(state.history)) == (0, 3)


@pytest.mark.parametrize(
    ("method", "trained"),
    [
        (Method.LORA, ("lora_", "head.")),
        (Method.PROMPT, ("prompt_encoder.", "head.")),
        (Method.HEAD, ("head.",)),
        (Method.FULL, ("encoder.embeddings.", "encoder.encoder.", "head.")),
    ],
)
def test_only_what_the_method_trains_changes(
    tmp_path: Path, method: Method, trained: tuple[str, ...]
) -> None:
    model = made.classifier(tuned_encoder=made.tuned(method))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    TrainingLoop(model, made.run(tmp_path, epochs=1), ALONE).run()
    changed = {
        name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])
    }
    for part in trained:
        assert any(part in name for name in changed)
    assert all(any(part in name for part in trained) for name in changed)
