"""Passes through the model that is trained, beyond a step's own, for what remedies add to a loss.

Notation of shapes: b rows, s columns, d the encoder's width, c the outputs of a row or a token.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.loop.workers import Worker
from shared.training.methods.model import TunedModel
from shared.training.remedies.remedy import Penalty, Step
from shared.training.tasks.objective import Objective
from shared.training.tasks.prediction import forward


@dataclass(frozen=True, slots=True)
class ModelPasses:
    """See `shared.training.remedies.remedy.Passes`."""

    model: TunedModel
    objective: Objective
    pad_id: int
    worker: Worker

    def outputs(self, arrays: TokenArrays, rows: Int64s, shift: Tensor | None = None) -> Tensor:
        """The model's outputs for rows [b], float32 [b, c] or [b, s, c]."""
        with _shifted(self.model, shift):
            return forward(self.model, arrays, rows, self.pad_id, self.worker)

    def loss(self, outputs: Tensor, arrays: TokenArrays, rows: Int64s) -> Tensor:
        """The objective's summed loss."""
        return self.objective.total(outputs, arrays, rows)

    def total(
        self,
        penalties: Sequence[Penalty],
        arrays: TokenArrays,
        rows: Int64s,
        outputs: Tensor,
        vectors: Sequence[Tensor],
    ) -> Tensor:
        """The objective's loss of a part of a step, and with it what the penalties say of it.

        `vectors` holds what the head read, [b, d] or [b, s, d], where `read_by_head` was asked.
        """
        loss = self.objective.total(outputs, arrays, rows)
        if not len(rows):
            return loss + _unused(self.model)
        step = Step(self, arrays, rows, outputs, vectors[0] if vectors else outputs, loss)
        for penalty in penalties:
            loss = loss + penalty.total(step)
        return loss


@contextlib.contextmanager
def read_by_head(model: TunedModel) -> Iterator[list[Tensor]]:
    """Gathers what the head reads in the passes within; nothing where the model has none."""
    found: list[Tensor] = []
    if model.head is None:
        yield found
        return

    def keep(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        found.append(arguments[0])

    hook = model.head.register_forward_pre_hook(keep)
    try:
        yield found
    finally:
        hook.remove()


@contextlib.contextmanager
def _shifted(model: TunedModel, shift: Tensor | None) -> Iterator[None]:
    """Adds [b, s, d] to the embedded tokens of the passes within."""
    if shift is None:
        yield
        return

    def add(module: nn.Module, arguments: object, embedded: Tensor) -> Tensor:
        return embedded + shift

    hook = model.embedded_tokens.register_forward_hook(add)
    try:
        yield
    finally:
        hook.remove()


def _unused(model: TunedModel) -> Tensor | float:
    """Zero, with a gradient of zero for everything beside the model.

    Workers exchange the gradient of every parameter: one that has no row must have one too.
    """
    return sum((0.0 * parameter.sum() for parameter in model.beside.parameters()), 0.0)
