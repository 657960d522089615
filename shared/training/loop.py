"""The training loop: plain PyTorch on prepared arrays, alone or as one of several workers.

Notation of shapes: u targets of all dev rows, c a head's outputs.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from shared.models.tasks import Float32s
from shared.training.arrays import Int64s, TokenArrays
from shared.training.batching import epoch_batches, shard
from shared.training.checkpoint import (
    Checkpoint,
    CheckpointStore,
    EpochScore,
    TrainingState,
    optimiser_tensors,
    restore_optimiser,
)
from shared.training.model import AdaptedModel
from shared.training.objective import CrossEntropy, class_weights
from shared.training.prediction import forward, predict
from shared.training.progress import Position, write_position
from shared.training.schedule import learning_rate_factor
from shared.training.settings import OptimisationSettings
from shared.training.workers import Worker

_POSITION_EVERY_S = 0.5

Judge = Callable[[Float32s, TokenArrays], dict[str, float]]
"""The figures of dev logits [u, c] against the targets, by name."""


@dataclass(frozen=True)
class Run:
    """What a loop trains on, what it is judged by, and where it writes.

    `metric` names the figure of `judge` that says which epoch is the best: the higher the better.
    """

    folder: Path
    train: TokenArrays
    dev: TokenArrays
    judge: Judge
    metric: str
    pad_id: int
    seed: int
    optimisation: OptimisationSettings
    keep: int


class TrainingLoop:
    """Trains a model epoch by epoch; after each it measures dev and writes a checkpoint.

    Constructed anew on the same run, it continues after the newest valid checkpoint. Every
    random choice is drawn from (seed, rank, epoch), so that a resumed run takes the same steps.
    """

    def __init__(self, model: AdaptedModel, run: Run, worker: Worker) -> None:
        self._model = model.to(worker.device)
        self._run = run
        self._worker = worker
        self._settings = run.optimisation
        self._store = CheckpointStore(run.folder / "checkpoints", run.keep)
        weights = class_weights(run.train.targets, model.outputs, self._settings.class_weights)
        self._objective = CrossEntropy(weights, self._settings.label_smoothing)
        self._optimiser = torch.optim.AdamW(
            [
                {
                    "params": model.adapter_parameters(),
                    "rate": self._settings.adapter_learning_rate,
                },
                {"params": model.head_parameters(), "rate": self._settings.head_learning_rate},
            ],
            weight_decay=self._settings.weight_decay,
        )
        self._parallel = DistributedDataParallel(model) if worker.world > 1 else model
        self._state = self._resume()

    def run(self, report: Callable[[EpochScore], None] = lambda _: None) -> TrainingState:
        """Trains what is left of the run; `report` hears of each epoch, on every worker."""
        while self._state.next_epoch < self._settings.epochs and not self._out_of_patience():
            score, dev_logits = self._epoch(self._state.next_epoch)
            self._state = self._with_score(score)
            if self._worker.is_first:
                self._store.save(self._checkpoint(dev_logits))
                self._write_position(self._state.next_epoch, 0, score.train_loss, 0.0)
            report(score)
        return self._state

    def _epoch(self, epoch: int) -> tuple[EpochScore, Float32s]:
        torch.manual_seed(_seed_of(self._run.seed, self._worker.rank, epoch))
        started = time.monotonic()
        loss = self._train(epoch, started)
        trained_s = time.monotonic() - started
        dev_logits = predict(self._model, self._run.dev, self._run.pad_id, self._worker)
        score = EpochScore(
            epoch=epoch,
            train_loss=loss,
            metrics=self._run.judge(dev_logits, self._run.dev),
            tokens_per_s=len(self._run.train.tokens) / trained_s,
            seconds=time.monotonic() - started,
        )
        return score, dev_logits

    def _train(self, epoch: int, started: float) -> float:
        """One pass over the training data; the mean loss of its targets."""
        run, settings = self._run, self._settings
        batches = epoch_batches(
            run.train.lengths, max_tokens=settings.max_batch_tokens, seed=run.seed, epoch=epoch
        )
        self._parallel.train()
        seen, tokens, shown_at = 0, 0, started
        total, weight = torch.zeros((), device=self._worker.device), 0.0
        for batch in batches:
            # The middle of the step: neither the first nor the last has a rate of 0.
            self._set_rates(epoch + (seen + len(batch) / 2) / len(run.train))
            total += self._step(batch)
            weight += self._objective.weight(run.train.padded_targets(batch))
            seen += len(batch)
            tokens += int(run.train.lengths[batch].sum())
            now = time.monotonic()
            if self._worker.is_first and now - shown_at > _POSITION_EVERY_S:
                # Of this worker's rows alone, hence times their number; exact at the epoch's end.
                loss = total.item() * self._worker.world / weight
                self._write_position(epoch, seen, loss, tokens / (now - started))
                shown_at = now
        return self._worker.sum(total).item() / weight

    def _step(self, batch: Int64s) -> torch.Tensor:
        """One step on one batch of all workers; the summed loss of this worker's rows."""
        mine = shard(batch, self._worker.rank, self._worker.world)
        arrays = self._run.train
        logits = forward(self._parallel, arrays, mine.indices, self._run.pad_id, self._worker)
        targets = torch.from_numpy(arrays.padded_targets(mine.indices)).to(self._worker.device)
        total = self._objective.total(logits, targets)
        if not mine.counts:
            total = total * 0.0
        # DistributedDataParallel averages gradients over the workers; with this scale the average
        # is the gradient of the mean over the whole batch, however its rows were dealt out.
        # A batch of rows without a single target weighs nothing and changes nothing.
        weight = self._objective.weight(arrays.padded_targets(batch)) or 1.0
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total * (self._worker.world / weight))
        torch.nn.utils.clip_grad_norm_(
            self._model.trainable().keys(), self._settings.max_gradient_norm
        )
        self._optimiser.step()
        return total.detach()

    def _set_rates(self, epochs_done: float) -> None:
        factor = learning_rate_factor(
            epochs_done / self._settings.epochs,
            warmup=self._settings.warmup,
            schedule=self._settings.schedule,
        )
        for group in self._optimiser.param_groups:
            group["lr"] = group["rate"] * factor

    def _with_score(self, score: EpochScore) -> TrainingState:
        history = (*self._state.history, score)
        best = max(history, key=lambda one: one.metrics[self._run.metric])
        return TrainingState(history=history, best_epoch=best.epoch)

    def _out_of_patience(self) -> bool:
        patience = self._settings.patience
        if patience is None or not self._state.history:
            return False
        return self._state.next_epoch - 1 - self._state.best_epoch >= patience

    def _checkpoint(self, dev_logits: Float32s) -> Checkpoint:
        return Checkpoint(
            state=self._state,
            model=self._model.tensors(),
            optimiser=optimiser_tensors(self._optimiser, self._model.trainable()),
            dev={"logits": torch.from_numpy(dev_logits)},
        )

    def _resume(self) -> TrainingState:
        checkpoint = self._store.newest()
        if checkpoint is None:
            return TrainingState()
        self._model.restore(checkpoint.model)
        restore_optimiser(self._optimiser, self._model.trainable(), checkpoint.optimiser)
        return checkpoint.state

    def _write_position(self, epoch: int, seen: int, loss: float, tokens_per_s: float) -> None:
        position = Position(
            epoch=epoch,
            epochs=self._settings.epochs,
            seen=seen,
            examples=len(self._run.train),
            loss=loss,
            tokens_per_s=tokens_per_s,
            finished=self._state.history,
        )
        write_position(self._run.folder, position)


def _seed_of(*parts: int) -> int:
    """A seed for torch that differs wherever a part does."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
