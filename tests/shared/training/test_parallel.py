import dataclasses
from pathlib import Path

import pytest
import torch
import torch.distributed
from torch.multiprocessing.spawn import spawn

from shared.models.bundle import Method
from shared.training.checkpoint import Checkpoint, CheckpointStore
from shared.training.contrastive import Contrastive
from shared.training.embedding import judge_vectors
from shared.training.loop import Run, TrainingLoop
from shared.training.model import TunedModel
from shared.training.workers import ALONE, Worker
from tests.shared.training import made

WORLD = 2
CASES = ("lora", "full", "embed")


def _work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=WORLD
    )
    for case in CASES:
        _train(case, folder, Worker(rank, WORLD, torch.device("cpu")))
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
    run = made.run(
        folder,
        every_steps=9,
        epochs=2 if case == "lora" else 1,
        max_batch_tokens=64,
        accumulation=2,
        class_weights="balanced",
        encoder_learning_rate=1e-3 if case == "lora" else 1e-4,
    )
    return made.classifier(tuned_encoder=made.tuned(Method(case))), run


def _newest(folder: Path, case: str) -> Checkpoint:
    checkpoint = CheckpointStore(folder / case / "checkpoints", keep=2).newest()
    assert checkpoint is not None
    return checkpoint


@pytest.mark.training
def test_two_workers_take_the_steps_that_one_takes(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    together.mkdir()
    for case in CASES:
        _train(case, alone, ALONE)
    spawn(_work, args=(together,), nprocs=WORLD)  # type: ignore[no-untyped-call]
    for case in CASES:
        one, two = _newest(alone, case), _newest(together, case)
        for mine, theirs in zip(one.state.history, two.state.history, strict=True):
            assert theirs.train_loss == pytest.approx(mine.train_loss, rel=1e-4)
            assert theirs.metrics == mine.metrics
        for name, tensor in one.model.items():
            assert torch.allclose(two.model[name], tensor, atol=2e-5), (case, name)
