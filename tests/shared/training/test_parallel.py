from pathlib import Path

import pytest
import torch
import torch.distributed
from torch.multiprocessing.spawn import spawn

from shared.training.checkpoint import CheckpointStore
from shared.training.loop import Run, TrainingLoop
from shared.training.workers import ALONE, Worker
from tests.shared.training import made

WORLD = 2


def _work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=WORLD
    )
    worker = Worker(rank, WORLD, torch.device("cpu"))
    # Batches of few rows, many of them odd: the workers have rows of different number.
    TrainingLoop(made.classifier(), _run(folder), worker).run()
    torch.distributed.destroy_process_group()


def _run(folder: Path) -> Run:
    return made.run(folder, epochs=2, max_batch_tokens=64, class_weights="balanced")


@pytest.mark.training
def test_two_workers_take_the_steps_that_one_takes(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    for folder in (alone, together):
        folder.mkdir()
    expected = TrainingLoop(made.classifier(), _run(alone), ALONE).run()
    spawn(_work, args=(together,), nprocs=WORLD)  # type: ignore[no-untyped-call]
    stores = [CheckpointStore(folder / "checkpoints", keep=2) for folder in (alone, together)]
    one, two = (store.newest() for store in stores)
    assert one is not None
    assert two is not None
    for mine, theirs in zip(expected.history, two.state.history, strict=True):
        assert theirs.train_loss == pytest.approx(mine.train_loss, rel=1e-5)
        assert theirs.metrics == mine.metrics
    for name, tensor in one.model.items():
        assert torch.allclose(two.model[name], tensor, atol=2e-5), name
