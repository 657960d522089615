"""The training loop: plain PyTorch on prepared arrays, alone or as one of several workers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from shared.models.tasks import Float32s
from shared.models.threads import bound_kernels
from shared.training.data.arrays import TokenArrays
from shared.training.loop.checkpoint import (
    Checkpoint,
    CheckpointStore,
    EpochScore,
    PartOfEpoch,
    TrainingState,
)
from shared.training.loop.learner import Learner
from shared.training.loop.progress import Position, write_position
from shared.training.loop.workers import Worker
from shared.training.methods.model import TunedModel
from shared.training.remedies.remedy import Penalty
from shared.training.settings import CheckpointSettings, OptimisationSettings
from shared.training.tasks.objective import Objective
from shared.training.tasks.prediction import predict

_POSITION_EVERY_S = 0.5
_KERNELS_KEPT = 64

Judge = Callable[[Float32s, TokenArrays], dict[str, float]]
"""The figures of what `predict` gives for dev, against the targets, by name."""


@dataclass(frozen=True)
class Run:
    """What a loop trains on and learns, what it is judged by, and where it writes.

    `metric` names the figure of `judge` that says which epoch is the best: the higher the better.
    """

    folder: Path
    train: TokenArrays
    dev: TokenArrays
    objective: Objective
    judge: Judge
    metric: str
    pad_id: int
    seed: int
    optimisation: OptimisationSettings
    checkpoint: CheckpointSettings
    penalties: Sequence[Penalty] = ()


class TrainingLoop:
    """Trains a model epoch by epoch; after each it measures dev and writes a checkpoint.

    Constructed again on the same run, it continues after the newest valid checkpoint. Every
    random choice is drawn from (seed, rank, epoch, step), so that a resumed run takes the same
    steps.
    """

    def __init__(self, model: TunedModel, run: Run, worker: Worker) -> None:
        bound_kernels(_KERNELS_KEPT)
        self._model = model
        self._run = run
        self._worker = worker
        self._settings = run.optimisation
        self._store = CheckpointStore(run.folder / "checkpoints", run.checkpoint.keep)
        self._learner = Learner(
            model, run.train, run.objective, run.optimisation, run.pad_id, worker, run.penalties
        )
        self._state = self._resume()

    def run(self, report: Callable[[EpochScore], None] = lambda _: None) -> TrainingState:
        """Trains what is left of the run; `report` hears of each epoch, on every worker."""
        while self._state.next_epoch < self._settings.epochs and not self._out_of_patience():
            score = self._epoch(self._state.next_epoch)
            self._state = self._with_score(score)
            if self._worker.is_first:
                self._save(self._state)
                self._write_position(self._state.next_epoch, 0, score.train_loss, 0.0)
            report(score)
        return self._state

    def _epoch(self, epoch: int) -> EpochScore:
        began = time.monotonic() - self._state.begun.seconds
        loss = self._train(epoch, began)
        trained_s = time.monotonic() - began
        dev_outputs = predict(self._model, self._run.dev, self._run.pad_id, self._worker)
        return EpochScore(
            epoch=epoch,
            train_loss=loss,
            metrics=self._run.judge(dev_outputs, self._run.dev),
            tokens_per_s=len(self._run.train.tokens) / trained_s,
            seconds=time.monotonic() - began,
        )

    def _train(self, epoch: int, began: float) -> float:
        """What is left of one pass over the training data; the mean loss of all its targets."""
        run, train, begun = self._run, self._run.train, self._state.begun
        batches = self._learner.batches(run.seed, epoch)
        self._model.train()
        # Of this worker's examples alone; what was summed before a resumption is the first's.
        total = torch.tensor(begun.loss if self._worker.is_first else 0.0).to(self._worker.device)
        weight, shown_at = begun.weight, time.monotonic()
        seen = sum(map(len, batches[: begun.steps]))
        for steps, batch in enumerate(batches[begun.steps :], start=begun.steps + 1):
            torch.manual_seed(_seed_of(run.seed, self._worker.rank, epoch, steps))
            # The middle of the step: neither the first nor the last has a rate of 0.
            total += self._learner.step(batch, epoch + (seen + len(batch) / 2) / len(train))
            weight += self._learner.weight(batch)
            seen += len(batch)
            now = time.monotonic()
            if self._worker.is_first and now - shown_at > _POSITION_EVERY_S:
                # Of this worker's rows alone, hence times their number; exact at the epoch's end.
                loss = total.item() * self._worker.world / weight
                tokens = len(train.tokens) * seen / len(train)
                self._write_position(epoch, seen, loss, tokens / (now - began))
                shown_at = now
            every = run.checkpoint.every_steps
            if every is not None and steps % every == 0 and steps < len(batches):
                self._save_within(steps, total, weight, now - began)
        return self._worker.sum(total).item() / weight

    def _save_within(self, steps: int, total: torch.Tensor, weight: float, seconds: float) -> None:
        """A checkpoint after some steps of an epoch; every worker must call it."""
        loss = self._worker.sum(total.clone()).item()
        if self._worker.is_first:
            begun = PartOfEpoch(steps=steps, loss=loss, weight=weight, seconds=seconds)
            self._save(self._state.model_copy(update={"begun": begun}))

    def _with_score(self, score: EpochScore) -> TrainingState:
        history = (*self._state.history, score)
        best = max(history, key=lambda one: one.metrics[self._run.metric])
        return TrainingState(history=history, best_epoch=best.epoch)

    def _out_of_patience(self) -> bool:
        patience = self._settings.patience
        if patience is None or not self._state.history:
            return False
        return self._state.next_epoch - 1 - self._state.best_epoch >= patience

    def _save(self, state: TrainingState) -> None:
        model, optimiser = self._model.tensors(), self._learner.optimiser_tensors()
        self._store.save(Checkpoint(state, model, optimiser))

    def _resume(self) -> TrainingState:
        checkpoint = self._store.newest()
        if checkpoint is None:
            return TrainingState()
        self._learner.restore(checkpoint.model, checkpoint.optimiser)
        return checkpoint.state

    def _write_position(self, epoch: int, seen: int, loss: float, tokens_per_s: float) -> None:
        position = Position(
            epoch=epoch,
            epochs=self._settings.epochs,
            seen=seen,
            examples=len(self._run.train),
            loss=loss,
            tokens_per_s=tokens_per_s,
            learning_rate=self._learner.learning_rate,
            finished=self._state.history,
        )
        write_position(self._run.folder, position)


def _seed_of(*parts: int) -> int:
    """A seed for torch that differs wherever a part does."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
