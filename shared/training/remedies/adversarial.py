"""Adversarial training: the same answer where the embedded tokens are moved the worst way.

Notation of shapes: b rows, s columns, d the encoder's width.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from shared.config import Settings
from shared.models.bundle import Method
from shared.models.tasks import TaskKind
from shared.training.remedies.remedy import NOTHING_PREPARED, Prepared, Preparing, Scope, Step

if TYPE_CHECKING:
    from shared.training.methods.model import TunedModel


class Adversarial(Settings):
    """Learns also from embedded tokens that are moved by `size` where the loss rises fastest.

    `steps` 1 is the fast gradient method; more take so many steps of `size / steps`, each from
    where the one before ended, and keep within `size` (projected gradient descent). `weight` is
    what the loss of the moved tokens weighs beside the plain one. A training step costs `steps + 1`
    further passes.

    Source: https://arxiv.org/abs/1605.07725 (equation 5), https://arxiv.org/abs/1706.06083.
    """

    remedy: Literal["adversarial"]
    size: Annotated[float, Field(gt=0, le=100)] = 0.5
    steps: int = Field(default=1, ge=1, le=10)
    weight: Annotated[float, Field(gt=0, le=10)] = 1.0

    scope: ClassVar[Scope] = Scope(
        kinds=frozenset({TaskKind.CLASSIFY, TaskKind.TAG, TaskKind.SPAN, TaskKind.SCORE}),
        methods=frozenset({Method.LORA, Method.FULL}),
    )

    def prepare(self, preparing: Preparing) -> Prepared:
        """Nothing."""
        return NOTHING_PREPARED

    def penalty(
        self, prepared: Prepared, labels: tuple[str, ...], model: "TunedModel"
    ) -> "_Adversary":
        """See `OnObjective`."""
        return _Adversary(self)


class _Adversary:
    def __init__(self, settings: Adversarial) -> None:
        self._settings = settings

    def total(self, step: Step) -> Tensor:
        """The summed loss of the moved rows."""
        settings, passes = self._settings, step.passes
        ids, attended = step.arrays.padded(step.rows, 0)
        shape = (*ids.shape, passes.model.embedded_tokens.weight.shape[1])
        within = torch.from_numpy(attended).to(step.loss.device).unsqueeze(-1)
        moved = torch.zeros(shape, device=step.loss.device)
        for _ in range(settings.steps):
            moved = moved.detach().requires_grad_(True)
            outputs = passes.outputs(step.arrays, step.rows, moved)
            loss = passes.loss(outputs, step.arrays, step.rows)
            (slope,) = torch.autograd.grad(loss, moved)
            moved = _within(
                moved + _of_length(slope * within, settings.size / settings.steps), settings.size
            )
        outputs = passes.outputs(step.arrays, step.rows, moved)
        return settings.weight * passes.loss(outputs, step.arrays, step.rows)


def _of_length(vectors: Tensor, length: float) -> Tensor:
    """Each row's [s, d] scaled to a length over all its numbers."""
    return length * vectors / _lengths(vectors).clamp_min(1e-12)


def _within(vectors: Tensor, length: float) -> Tensor:
    return vectors * (length / _lengths(vectors).clamp_min(1e-12)).clamp_max(1.0)


def _lengths(vectors: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=(1, 2), keepdim=True)
    return lengths
