"""The loss of a classifier, summed so that batches of any size weigh right.

Notation of shapes: b rows, c classes.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shared.training.arrays import Int64s


class ClassificationObjective:
    """Cross-entropy with label smoothing and class weights, in float32."""

    def __init__(self, class_weights: npt.NDArray[np.float32], label_smoothing: float) -> None:
        self._weights = class_weights
        self._smoothing = label_smoothing

    def total(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The sum over rows of the loss of logits [b, c] for labels [b]; a scalar."""
        return torch.nn.functional.cross_entropy(
            logits.float(),
            labels,
            weight=torch.from_numpy(self._weights).to(logits.device),
            label_smoothing=self._smoothing,
            reduction="sum",
        )

    def weight(self, labels: Int64s) -> float:
        """What a batch's total is divided by to give its mean: the sum of its rows' weights."""
        return float(self._weights[labels].sum())


def class_weights(
    labels: Int64s, classes: int, kind: Literal["none", "balanced"]
) -> npt.NDArray[np.float32]:
    """The weight of each class, [c]: 1, or balanced so that every class weighs the same in sum.

    `balanced` equals scikit-learn's `compute_class_weight("balanced")`.
    """
    if kind == "none":
        return np.ones(classes, dtype=np.float32)
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (classes * counts)).astype(np.float32)
