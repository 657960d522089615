"""One step of training: parts of a batch, summed gradients, clipping, AdamW, learning rates."""

import contextlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.loop.batching import epoch_batches, shard, sorted_batches
from shared.training.loop.checkpoint import Tensors, optimiser_tensors, restore_optimiser
from shared.training.loop.passes import ModelPasses, read_by_head
from shared.training.loop.schedule import learning_rate_factor
from shared.training.loop.workers import Worker
from shared.training.methods.model import TunedModel
from shared.training.remedies.remedy import Penalty
from shared.training.settings import OptimisationSettings
from shared.training.tasks.objective import Objective
from shared.training.tasks.prediction import forward


class Learner:
    """A model that learns from arrays, alone or as one of several workers in step.

    A step depends on its batch alone: not on the number of workers, nor on that of the parts
    (`accumulation`), but for rounding.
    """

    def __init__(
        self,
        model: TunedModel,
        arrays: TokenArrays,
        objective: Objective,
        settings: OptimisationSettings,
        pad_id: int,
        worker: Worker,
        penalties: Sequence[Penalty] = (),
    ) -> None:
        model.beside.extend(each for each in penalties if isinstance(each, nn.Module))
        self.model = model.to(worker.device)
        self._arrays = arrays
        self._objective = objective
        self._settings = settings
        self._pad_id = pad_id
        self._worker = worker
        self._penalties = penalties
        self._passes = ModelPasses(self.model, objective, pad_id, worker)
        # In examples' columns: what an example costs is its rows times its longest one.
        self._budget = max(1, settings.max_batch_tokens // arrays.rows_per_example)
        self._optimiser = _optimiser(model, settings, worker.device)
        self._parallel = DistributedDataParallel(model) if worker.world > 1 else None

    @property
    def learning_rate(self) -> float:
        """The rate of what the method trains, at the last step."""
        return float(self._optimiser.param_groups[0]["lr"])

    def batches(self, seed: int, epoch: int) -> list[Int64s]:
        """The examples of each step of an epoch, over all workers."""
        return epoch_batches(self._arrays.lengths, max_tokens=self._budget, seed=seed, epoch=epoch)

    def weight(self, batch: Int64s) -> float:
        """What a batch weighs in a mean over several."""
        return self._objective.weight(self._arrays, self._arrays.rows_of(batch))

    def step(self, batch: Int64s, epochs_done: float) -> Tensor:
        """Learns from one batch of all workers; the summed loss of this worker's examples.

        `epochs_done` says how far the run is, for the schedule.
        """
        self._set_rates(epochs_done)
        self._optimiser.zero_grad(set_to_none=True)
        # A batch of rows without a single target weighs nothing and changes nothing.
        weight = self.weight(batch) or 1.0
        parts = self._parts(batch)
        summed = torch.zeros((), device=self._worker.device)
        for number, part in enumerate(parts, start=1):
            with self._exchange(last=number == len(parts)):
                total = self._total(part)
                # DistributedDataParallel averages gradients over the workers; with this scale the
                # average is the gradient of the mean over the whole batch, however it was dealt.
                torch.autograd.backward(total * (self._worker.world / weight))
            summed += total.detach()
        torch.nn.utils.clip_grad_norm_(
            self.model.trainable().keys(), self._settings.max_gradient_norm
        )
        self._optimiser.step()
        return summed

    def optimiser_tensors(self) -> Tensors:
        """The optimiser's state as named tensors."""
        return optimiser_tensors(self._optimiser, self.model.trainable())

    def restore(self, model: Tensors, optimiser: Tensors) -> None:
        """Puts back what the model's `tensors` and `optimiser_tensors` gave."""
        self.model.restore(model)
        restore_optimiser(self._optimiser, self.model.trainable(), optimiser)

    def _parts(self, batch: Int64s) -> list[Int64s]:
        if self._settings.accumulation == 1:
            return [batch]
        budget = self._budget // self._settings.accumulation
        return sorted_batches(self._arrays.lengths, batch, budget)

    def _exchange(self, *, last: bool) -> contextlib.AbstractContextManager[object]:
        """Lets the workers exchange gradients after a batch's last part alone."""
        if self._parallel is None or last:
            return contextlib.nullcontext()
        return self._parallel.no_sync()

    def _total(self, part: Int64s) -> Tensor:
        """The summed loss of this worker's examples of a part."""
        mine = shard(part, self._worker.rank, self._worker.world)
        rows = self._arrays.rows_of(mine.indices)
        model = self._parallel or self.model
        with read_by_head(self.model) as vectors:
            outputs = forward(model, self._arrays, rows, self._pad_id, self._worker)
        if not mine.counts:
            outputs, rows = outputs[:0], rows[:0]
        return self._passes.total(self._penalties, self._arrays, rows, outputs, vectors)

    def _set_rates(self, epochs_done: float) -> None:
        factor = learning_rate_factor(
            epochs_done / self._settings.epochs,
            warmup=self._settings.warmup,
            schedule=self._settings.schedule,
        )
        for group in self._optimiser.param_groups:
            group["lr"] = group["rate"] * factor


def _optimiser(
    model: TunedModel, settings: OptimisationSettings, device: torch.device
) -> torch.optim.AdamW:
    """AdamW; biases and the scales of norms inside an encoder do not decay."""
    encoder = model.encoder_parameters()
    groups = [
        {
            "params": [parameter for parameter in encoder if parameter.ndim > 1],
            "rate": settings.encoder_learning_rate,
        },
        {
            "params": [parameter for parameter in encoder if parameter.ndim <= 1],
            "rate": settings.encoder_learning_rate,
            "weight_decay": 0.0,
        },
        {"params": model.head_parameters(), "rate": settings.head_learning_rate},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        weight_decay=settings.weight_decay,
        # On a GPU the state would have to be restored to another place.
        fused=True if device.type == "cpu" else None,
    )
