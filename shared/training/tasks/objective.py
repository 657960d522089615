"""What is learned: losses that are summed, so that batches and parts of any size weigh right.

Notation of shapes: b rows, s columns, w targets of a row at most, c outputs.
"""

from typing import Literal, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shared.training.data.arrays import IGNORED, Int64s, TokenArrays
from shared.training.settings import OptimisationSettings


class Objective(Protocol):
    """One way to learn; a step's loss is the sum of `total` over its parts, through `weight`."""

    def total(self, outputs: Tensor, arrays: TokenArrays, rows: Int64s) -> Tensor:
        """The summed loss, a float32 scalar, of the model's outputs for the rows at `rows` [b].

        `outputs` are [b, c], or [b, s, c] where the head reads tokens. There may be no row: a
        worker for which none is left still takes part in what the workers exchange.
        """

    def weight(self, arrays: TokenArrays, rows: Int64s) -> float:
        """What the total of a whole batch, over all workers, is divided by to give its mean."""


class CrossEntropy:
    """The loss of a row's or of a token's class, with class weights and label smoothing.

    Ignored targets cost 0.
    """

    def __init__(self, class_weights: npt.NDArray[np.float32], label_smoothing: float) -> None:
        self._weights = class_weights
        self._smoothing = label_smoothing

    @classmethod
    def of(cls, arrays: TokenArrays, classes: int, settings: OptimisationSettings) -> Self:
        """The loss of training data with so many classes."""
        weights = class_weights(arrays.targets, classes, settings.class_weights)
        return cls(weights, settings.label_smoothing)

    def total(self, outputs: Tensor, arrays: TokenArrays, rows: Int64s) -> Tensor:
        """See `Objective`; logits [b, c] for one target a row, or [b, w, c] for w."""
        targets = torch.from_numpy(arrays.padded_targets(rows)).to(outputs.device)
        return torch.nn.functional.cross_entropy(
            outputs.float().flatten(0, -2),
            targets.flatten(),
            weight=torch.from_numpy(self._weights).to(outputs.device),
            ignore_index=IGNORED,
            label_smoothing=self._smoothing,
            reduction="sum",
        )

    def weight(self, arrays: TokenArrays, rows: Int64s) -> float:
        """See `Objective`: the sum of the targets' weights."""
        targets = arrays.padded_targets(rows)
        return float(self._weights[targets[targets != IGNORED]].sum())


class BinaryCrossEntropy:
    """The loss of yes-or-no targets, 0 or 1, each by itself: one for each output of a row."""

    def __init__(self, label_smoothing: float) -> None:
        self._smoothing = label_smoothing

    def total(self, outputs: Tensor, arrays: TokenArrays, rows: Int64s) -> Tensor:
        """See `Objective`; logits [b, c]."""
        targets = torch.from_numpy(arrays.padded_targets(rows)).to(outputs.device)
        softened = targets.float() * (1.0 - self._smoothing) + 0.5 * self._smoothing
        return torch.nn.functional.binary_cross_entropy_with_logits(
            outputs.float(), softened.view_as(outputs), reduction="sum"
        )

    def weight(self, arrays: TokenArrays, rows: Int64s) -> float:
        """See `Objective`: the number of targets."""
        return float(arrays.padded_targets(rows).size)


def class_weights(
    targets: Int64s, classes: int, kind: Literal["none", "balanced"]
) -> npt.NDArray[np.float32]:
    """The weight of each class, [c]: 1, or balanced so that every class weighs the same in sum.

    `balanced` equals scikit-learn's `compute_class_weight("balanced")`; a class without an example
    weighs nothing.
    """
    if kind == "none":
        return np.ones(classes, dtype=np.float32)
    counts = np.bincount(targets[targets != IGNORED], minlength=classes)
    balanced = counts.sum() / (classes * np.maximum(counts, 1))
    return np.where(counts > 0, balanced, 0.0).astype(np.float32)
