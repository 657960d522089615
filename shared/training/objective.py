"""The loss of a row's or of a token's class, summed so that batches of any size weigh right.

Notation of shapes: b rows, w targets of a row at most, c classes.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shared.training.arrays import IGNORED, Int64s


class CrossEntropy:
    """Cross-entropy with label smoothing and class weights, in float32; ignored targets cost 0."""

    def __init__(self, class_weights: npt.NDArray[np.float32], label_smoothing: float) -> None:
        self._weights = class_weights
        self._smoothing = label_smoothing

    def total(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The sum of the losses of logits [b, c] for targets [b], or [b, w, c] for [b, w]."""
        return torch.nn.functional.cross_entropy(
            logits.float().flatten(0, -2),
            targets.flatten(),
            weight=torch.from_numpy(self._weights).to(logits.device),
            ignore_index=IGNORED,
            label_smoothing=self._smoothing,
            reduction="sum",
        )

    def weight(self, targets: Int64s) -> float:
        """What a batch's total is divided by to give its mean: the sum of its targets' weights."""
        return float(self._weights[targets[targets != IGNORED]].sum())


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
