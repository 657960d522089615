"""Mixup: between two texts the answer lies between theirs.

Notation of shapes: b rows, d the encoder's width, c classes.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from shared.config import Settings
from shared.models.tasks import TaskKind
from shared.training.remedies.remedy import NOTHING_PREPARED, Prepared, Preparing, Scope, Step

if TYPE_CHECKING:
    from shared.training.methods.model import TunedModel


class Mixup(Settings):
    """Learns also from means of the pooled vectors of two rows of a batch.

    How much of the first there is comes from a Beta distribution of `alpha` and `alpha`, and the
    loss is that share of the loss for the first row's class, and the rest for the second's.
    `weight` is what it weighs beside the plain loss.

    Source: https://arxiv.org/abs/1905.08941 (section 3, senMixup).
    """

    remedy: Literal["mixup"]
    alpha: Annotated[float, Field(gt=0, le=100)] = 0.4
    weight: Annotated[float, Field(gt=0, le=10)] = 1.0

    scope: ClassVar[Scope] = Scope(kinds=frozenset({TaskKind.CLASSIFY}))

    def prepare(self, preparing: Preparing) -> Prepared:
        """Nothing."""
        return NOTHING_PREPARED

    def penalty(
        self, prepared: Prepared, labels: tuple[str, ...], model: "TunedModel"
    ) -> "_Mixing":
        """See `OnObjective`."""
        return _Mixing(self)


class _Mixing:
    def __init__(self, settings: Mixup) -> None:
        self._settings = settings

    def total(self, step: Step) -> Tensor:
        """The summed loss of as many mixed vectors as the part has rows."""
        head = step.passes.model.head
        if head is None:
            raise ValueError("a model without a head mixes nothing")
        alpha = self._settings.alpha
        share = float(torch.distributions.Beta(alpha, alpha).sample())
        other = torch.randperm(len(step.rows))
        logits = head(share * step.vectors + (1 - share) * step.vectors[other])
        first, second = (
            step.passes.loss(logits, step.arrays, rows)
            for rows in (step.rows, step.rows[other.numpy()])
        )
        return self._settings.weight * (share * first + (1 - share) * second)
