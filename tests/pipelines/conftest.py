"""Training in this process, where Ray is not what a test is about."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.training.loop.checkpoint import TrainingState
from shared.training.loop.ray_train import WorkerGroup, run_worker
from shared.training.loop.workers import ALONE
from shared.training.settings import WorkerSettings


@contextlib.contextmanager
def _no_cluster(_: WorkerSettings) -> Iterator[WorkerGroup]:
    yield WorkerGroup(count=1, gpu=False, threads=1, cpus_each=1.0)


def _train_here(folder: Path, group: WorkerGroup, *, max_failures: int) -> TrainingState:
    return run_worker(folder, ALONE, lambda _: None)


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    """The pipelines train by the same loop, but alone and in this process."""
    for pipeline in ("pipelines.finetune", "pipelines.fewshot"):
        monkeypatch.setattr(f"{pipeline}.cluster", _no_cluster)
        monkeypatch.setattr(f"{pipeline}.train", _train_here)
