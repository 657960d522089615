"""Two workers do what one does; the processes of all of it are started once."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed
from torch.multiprocessing.spawn import spawn

from shared.models.bundle import Method
from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.loop.checkpoint import Checkpoint, CheckpointStore
from shared.training.loop.loop import Run, TrainingLoop
from shared.training.loop.workers import ALONE, Worker
from shared.training.methods.model import TunedModel
from shared.training.remedies.adversarial import Adversarial
from shared.training.remedies.applying import penalties
from shared.training.tasks.embed.contrastive import Contrastive
from shared.training.tasks.embed.learning import judge_vectors
from tests.shared.training import made

WORLD = 2
CASES = ("lora", "full", "embed", "adversarial")
TEXTS = TokenArrays.of([[1]] * 10, [0, 10, 1, 11, 2, 10, 3, 12, 4, 13], rows_per_example=2)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that two workers have written."""
    folder = tmp_path_factory.mktemp("together")
    spawn(_work, args=(folder,), nprocs=WORLD)  # type: ignore[no-untyped-call]
    return folder


def _work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=WORLD
    )
    worker = Worker(rank, WORLD, torch.device("cpu"))
    for case in CASES:
        _train(case, folder, worker)
    # Three examples here, two there.
    total, gradient = _contrast(TEXTS.rows_of(np.arange(5)[rank::WORLD]), worker)
    torch.distributed.all_reduce(total)
    torch.distributed.all_reduce(gradient)
    if worker.is_first:
        torch.save({"total": total, "gradient": gradient}, folder / "contrast.pt")
    torch.distributed.destroy_process_group()


def _train(case: str, folder: Path, worker: Worker) -> None:
    """Batches have few rows, many of them odd: the workers have rows of different number."""
    (folder / case).mkdir(parents=True, exist_ok=True)
    model, run = _model_and_run(case, folder / case, worker)
    TrainingLoop(model, run, worker).run()


def _model_and_run(case: str, folder: Path, worker: Worker) -> tuple[TunedModel, Run]:
    if case == "embed":
        run = dataclasses.replace(
            made.run(folder, every_steps=9, epochs=1, max_batch_tokens=128),
            train=made.pairs(60, seed=1),
            dev=made.pairs(20, seed=2),
            objective=Contrastive(20.0, worker),
            judge=judge_vectors,
            metric="mrr_at_10",
        )
        return made.embedder(made.tuned(Method.LORA)), run
    method = Method.FULL if case == "full" else Method.LORA
    run = made.run(
        folder,
        every_steps=9,
        epochs=2 if case == "lora" else 1,
        max_batch_tokens=64,
        accumulation=2,
        class_weights="balanced",
        encoder_learning_rate=1e-4 if case == "full" else 1e-3,
    )
    model = made.classifier(tuned_encoder=made.tuned(method))
    if case == "adversarial":
        remedies = (Adversarial(remedy="adversarial", steps=2),)
        run = dataclasses.replace(run, penalties=penalties(remedies, {}, (), model))
    return model, run


def _contrast(rows: Int64s, worker: Worker) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of some of the rows, and what it says of a weight that makes all vectors."""
    weight = torch.eye(8, requires_grad=True)
    vectors = torch.randn(len(TEXTS) * 2, 8, generator=torch.Generator().manual_seed(0))
    vectors[5] = vectors[1]
    total = Contrastive(20.0, worker).total(vectors[rows] @ weight, TEXTS, rows)
    torch.autograd.backward(total)
    assert weight.grad is not None
    return total.detach(), weight.grad


def _newest(folder: Path, case: str) -> Checkpoint:
    checkpoint = CheckpointStore(folder / case / "checkpoints", keep=2).newest()
    assert checkpoint is not None
    return checkpoint


@pytest.mark.training
def test_two_workers_take_the_steps_that_one_takes(tmp_path: Path, together: Path) -> None:
    for case in CASES:
        _train(case, tmp_path, ALONE)
        one, two = _newest(tmp_path, case), _newest(together, case)
        for mine, theirs in zip(one.state.history, two.state.history, strict=True):
            assert theirs.train_loss == pytest.approx(mine.train_loss, rel=1e-4)
            assert theirs.metrics == mine.metrics
        for name, tensor in one.model.items():
            assert torch.allclose(two.model[name], tensor, atol=2e-5), (case, name)


@pytest.mark.training
def test_two_workers_contrast_what_one_contrasts(together: Path) -> None:
    total, gradient = _contrast(np.arange(10), ALONE)
    found = torch.load(together / "contrast.pt", weights_only=True)
    assert found["total"].item() == pytest.approx(total.item(), rel=1e-5)
    assert torch.allclose(found["gradient"], gradient, atol=1e-4)
