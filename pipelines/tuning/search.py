"""Trials on Ray Tune: each a worker that trains alone, stopped by ASHA where others are better.

Source: https://arxiv.org/abs/1810.05934 (ASHA).
"""

import contextlib
import io
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ray import tune
from ray.tune.experiment import Trial as RayTrial
from ray.tune.result import DONE
from ray.tune.schedulers import ASHAScheduler

from pipelines.tuning.settings import TuneSettings
from pipelines.tuning.trials import read_trial
from shared.training.loop.checkpoint import CheckpointStore, EpochScore
from shared.training.loop.ray_train import WorkerGroup, run_worker
from shared.training.loop.run_folder import RunSpec, read_run
from shared.training.loop.workers import Worker

_NUMBER, _EPOCH, _VALUE, _SCORE = "number", "epoch", "value", "score"


@dataclass(frozen=True)
class Listener:
    """What the driver is told: each epoch, each trial that has ended (and whether others stopped
    it), each that has failed."""

    epoch: Callable[[int, EpochScore], None]
    ended: Callable[[int, tuple[EpochScore, ...], bool], None]
    failed: Callable[[int, str], None]


def run_trials(
    specs: Mapping[int, RunSpec],
    search: TuneSettings,
    folder: Path,
    group: WorkerGroup,
    listener: Listener,
) -> None:
    """Runs the trials whose runs are written; those that `folder` knows to have ended only repeat
    their figures, so that ASHA compares the others with them as if it had never been interrupted.

    Returns early after an interruption: then some trials have neither ended nor failed.
    """
    known = [n for n, spec in specs.items() if read_trial(folder, n, spec.folder().name)]
    order = [*known, *(n for n in specs if n not in known)]
    resources: dict[str, float] = {"CPU": group.cpus_each} | ({"GPU": 1.0} if group.gpu else {})
    any_spec = next(iter(specs.values()))
    max_epochs = max(spec.settings.optimisation.epochs for spec in specs.values())
    trainable = tune.with_resources(_train_trial, resources)
    tuner = tune.Tuner(
        trainable,
        param_space={
            _NUMBER: tune.grid_search(order),
            "runs": {str(n): str(spec.folder()) for n, spec in specs.items()},
            "search": str(folder),
            "device": "cuda" if group.gpu else "cpu",
            "threads": group.threads,
        },
        tune_config=tune.TuneConfig(
            scheduler=ASHAScheduler(
                time_attr=_EPOCH,
                metric=_VALUE,
                mode="max",
                max_t=max_epochs,
                grace_period=min(search.grace_epochs, max_epochs),
                reduction_factor=search.reduction,
            ),
            max_concurrent_trials=group.count,
        ),
        run_config=tune.RunConfig(
            # Its own name: what an earlier start left of Tune's state is never read.
            name=uuid.uuid4().hex,
            storage_path=str(folder / "ray"),
            callbacks=[_Reporter(listener)],
            failure_config=tune.FailureConfig(
                max_failures=any_spec.settings.checkpoint.max_failures
            ),
            verbose=0,
        ),
    )
    # Tune prints where its results lie even when it is told to be silent: they are not kept.
    with contextlib.redirect_stdout(io.StringIO()):
        tuner.fit()


class _Reporter(tune.Callback):
    """Passes on what Tune hears of trials; one that is started again repeats its epochs."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._history: dict[int, dict[int, EpochScore]] = {}
        self._stopped: set[int] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its callbacks for a restoration that is never asked for."""
        return {}

    def on_trial_result(
        self,
        iteration: int,
        trials: list[RayTrial],
        trial: RayTrial,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        """An epoch was measured, or is repeated after a new start."""
        if _SCORE not in result:
            return
        number, score = self._number(trial), EpochScore.model_validate_json(result[_SCORE])
        scores = self._history.setdefault(number, {})
        if score.epoch not in scores:
            self._listener.epoch(number, score)
        scores[score.epoch] = score
        # Tune marks the result at which ASHA stops a trial; one that ends by itself has no such.
        if result.get(DONE):
            self._stopped.add(number)

    def on_trial_complete(
        self, iteration: int, trials: list[RayTrial], trial: RayTrial, **info: Any
    ) -> None:
        """A trial has ended, or ASHA has stopped it."""
        number = self._number(trial)
        scores = self._history[number]
        history = tuple(scores[epoch] for epoch in sorted(scores))
        self._listener.ended(number, history, number in self._stopped)

    def on_trial_error(
        self, iteration: int, trials: list[RayTrial], trial: RayTrial, **info: Any
    ) -> None:
        """A trial has failed for good."""
        error = trial.get_error()
        lines = str(error).strip().splitlines() if error is not None else ["it gave no reason"]
        self._listener.failed(self._number(trial), lines[-1])

    @staticmethod
    def _number(trial: RayTrial) -> int:
        return int(trial.config[_NUMBER])


def _train_trial(config: dict[str, Any]) -> None:
    """What a trial's worker runs: first what is known of it, then the rest of its epochs."""
    number = int(config[_NUMBER])
    run = Path(str(config["runs"][str(number)]))
    ended = read_trial(Path(str(config["search"])), number, run.name)
    if ended is not None:
        _repeat(ended.history, ended.metric)
        return
    # Ray sets OMP_NUM_THREADS=1 for actors of at most one CPU.
    torch.set_num_threads(int(config["threads"]))
    spec, _, _ = read_run(run)
    metric = spec.settings.metric
    newest = CheckpointStore(run / "checkpoints", spec.settings.checkpoint.keep).newest()
    if newest is not None:
        _repeat(newest.state.history, metric)
    worker = Worker(rank=0, world=1, device=torch.device(str(config["device"])))
    run_worker(run, worker, lambda score: _report(score, metric))


def _repeat(history: Sequence[EpochScore], metric: str) -> None:
    for score in history:
        _report(score, metric)


def _report(score: EpochScore, metric: str) -> None:
    """Tells Tune of an epoch; where ASHA stops the trial, its thread ends here."""
    tune.report(
        {
            _EPOCH: score.epoch + 1,
            _VALUE: score.metrics[metric],
            _SCORE: score.model_dump_json(),
        }
    )
