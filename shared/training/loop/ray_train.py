"""The loop's assembly on Ray Train (its V2 API): a group of workers, started again on failure."""

import contextlib
import logging
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import ray
import ray.train
import torch
from ray.train.torch import TorchConfig, get_device
from ray.train.v2.api.config import FailureConfig, LoggingConfig, RunConfig, ScalingConfig
from ray.train.v2.api.exceptions import TrainingFailedError, WorkerGroupError
from ray.train.v2.api.result import Result
from ray.train.v2.torch.torch_trainer import TorchTrainer

from shared.errors import ConfigError, PlatformError
from shared.models.backbone import Backbone
from shared.training.loop.checkpoint import EpochScore, TrainingState
from shared.training.loop.loop import Run, TrainingLoop
from shared.training.loop.run_folder import RunSpec, read_prepared, read_run
from shared.training.loop.workers import Worker
from shared.training.methods.model import TunedModel
from shared.training.remedies.applying import penalties
from shared.training.settings import WorkerSettings

_WATCHER = "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"
_OBJECT_STORE_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """How many workers train, on what, and what each of them takes."""

    count: int
    gpu: bool
    threads: int
    cpus_each: float


@contextlib.contextmanager
def cluster(settings: WorkerSettings) -> Iterator[WorkerGroup]:
    """A Ray cluster of this process's own, or the configured one, and the workers that fit on it.

    Raises:
        ConfigError: the cluster has fewer GPUs than were asked for.
    """
    watcher = os.environ.get(_WATCHER)
    if settings.ray_address == "local":
        # Nobody reclaims this machine, and every process of Ray's takes from the workers' cores.
        os.environ[_WATCHER] = watcher or "0"
        # Workers exchange gradients among themselves and read files: the store stays empty.
        ray.init(
            address="local",
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    else:
        ray.init(address=settings.ray_address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        yield choose_workers(
            settings, cpus=int(resources.get("CPU", 1)), gpus=int(resources.get("GPU", 0))
        )
    finally:
        ray.shutdown()
        if watcher is None:
            os.environ.pop(_WATCHER, None)


def choose_workers(settings: WorkerSettings, *, cpus: int, gpus: int) -> WorkerGroup:
    """One worker for each GPU where there are some, else two on the CPUs, unless told otherwise.

    Workers reserve no more than there is: a reservation that never fits would wait for ever.

    Raises:
        ConfigError: GPUs were asked for that are not there.
    """
    gpu = gpus > 0 if settings.gpu is None else settings.gpu
    count = settings.count or (max(gpus, 1) if gpu else 2)
    if gpu and gpus < count:
        raise ConfigError(
            f"workers.gpu: {count} workers need a GPU each and there are {gpus}: "
            "set workers.count or workers.gpu=false"
        )
    return WorkerGroup(
        count=count,
        gpu=gpu,
        threads=settings.threads or max(1, cpus // count),
        cpus_each=min(1.0, cpus / count),
    )


def train(folder: Path, group: WorkerGroup, *, max_failures: int) -> TrainingState:
    """Trains the run in `folder`, from its newest valid checkpoint on.

    Raises:
        PlatformError: the workers failed more than `max_failures` times; what they wrote stays.
        KeyboardInterrupt: the run was interrupted; the same command continues it.
    """
    resources = {"CPU": group.cpus_each} | ({"GPU": 1.0} if group.gpu else {})
    trainer = TorchTrainer(
        _train_worker,
        train_loop_config={"folder": str(folder), "threads": group.threads},
        torch_config=TorchConfig(backend="nccl" if group.gpu else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=group.count, use_gpu=group.gpu, resources_per_worker=resources
        ),
        run_config=RunConfig(
            # Its own name: the controller must never meet an earlier one's snapshot.
            name=f"ray-{uuid.uuid4().hex}",
            storage_path=str(folder / "ray"),
            failure_config=FailureConfig(max_failures=max_failures),
            logging_config=LoggingConfig(log_level="ERROR"),
        ),
    )
    before = signal.getsignal(signal.SIGINT)
    try:
        result = cast(Result, trainer.fit())
    except SystemExit:
        # Ray's handler of SIGINT aborts the controller and ends the process with status 0.
        raise KeyboardInterrupt from None
    except TrainingFailedError as error:
        raise PlatformError(_explain(error, folder, max_failures)) from error
    finally:
        if signal.getsignal(signal.SIGINT) is not before:
            signal.signal(signal.SIGINT, before)
    return TrainingState.model_validate_json(str(result.return_value))


def run_worker(folder: Path, worker: Worker, report: Callable[[EpochScore], None]) -> TrainingState:
    """One worker's part of the run in `folder`, from its newest valid checkpoint on."""
    spec, train_arrays, dev_arrays = read_run(folder)
    learning = spec.settings.task_kind.learning(spec.settings)
    model = _model(spec, worker)
    run = Run(
        folder=folder,
        train=train_arrays,
        dev=dev_arrays,
        judge=partial(learning.judge, labels=spec.labels),
        objective=learning.objective(train_arrays, spec.labels, worker),
        metric=spec.settings.metric,
        pad_id=spec.pad_id,
        seed=spec.seed,
        optimisation=spec.settings.optimisation,
        checkpoint=spec.settings.checkpoint,
        penalties=penalties(spec.settings.remedies, read_prepared(folder), spec.labels, model),
    )
    return TrainingLoop(model, run, worker).run(report)


def _train_worker(config: dict[str, Any]) -> Any:
    """What each worker runs; returns the final state as JSON."""
    # Ray sets OMP_NUM_THREADS=1 for actors of at most one CPU.
    torch.set_num_threads(int(config["threads"]))
    context = ray.train.get_context()
    worker = Worker(
        rank=context.get_world_rank(),
        world=context.get_world_size(),
        device=get_device(),
    )
    # Checkpoints are the run folder's business: Ray Train's callbacks only hear of each epoch.
    state = run_worker(
        Path(str(config["folder"])), worker, lambda score: ray.train.report(score.model_dump())
    )
    return state.model_dump_json()


def _model(spec: RunSpec, worker: Worker) -> TunedModel:
    config = spec.settings.backbone.model_copy(update={"device": str(worker.device)})
    backbone = Backbone.load(config, spec.settings.optimisation.dropouts)
    # A method's first values are random, and the same on every worker and at every start.
    torch.manual_seed(spec.seed)
    return TunedModel.on(backbone, spec.settings, spec.labels, spec.max_length)


def _explain(error: TrainingFailedError, folder: Path, max_failures: int) -> str:
    causes = [str(error)]
    if isinstance(error, WorkerGroupError):
        causes = [f"worker {rank}: {cause}" for rank, cause in error.worker_failures.items()]
    last_lines = "; ".join(cause.strip().rpartition("\n")[2] for cause in causes)
    return (
        f"training failed after {max_failures} restarts of its workers: {last_lines}. "
        f"The checkpoints in {folder} stay: remove the cause and give the same command again"
    )
