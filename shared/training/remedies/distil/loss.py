"""What a student learns from a teacher, beside the labels.

Notation of shapes: n lists, k documents of each.
"""

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax, pad

from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.tasks.objective import Objective


class Distilled:
    """The labels' loss and the teacher's in one: `(1 - weight) * labels + weight * teacher`.

    Both objectives weigh a batch alike. A kind is taught by an objective that reads what the
    teacher gave from `TokenArrays.teacher`.
    """

    def __init__(self, labels: Objective, teacher: Objective, weight: float) -> None:
        self._labels = labels
        self._teacher = teacher
        self._weight = weight

    def total(self, outputs: Tensor, arrays: TokenArrays, rows: Int64s) -> Tensor:
        """See `Objective`."""
        of_labels = self._labels.total(outputs, arrays, rows)
        of_teacher = self._teacher.total(outputs, arrays, rows)
        return (1.0 - self._weight) * of_labels + self._weight * of_teacher

    def weight(self, arrays: TokenArrays, rows: Int64s) -> float:
        """See `Objective`: what the labels' loss weighs."""
        return self._labels.weight(arrays, rows)


class ListDivergence:
    """How far the student is from what the teacher would choose of a list, or none of it.

    With logits z of a list, none of its documents being a further logit of 0, both choose by
    `softmax(z / temperature)`; the loss is `temperature ** 2 * KL(teacher || student)`, whose
    gradient is of one size at any temperature.

    Source: https://arxiv.org/abs/1503.02531 (section 2).
    """

    def __init__(self, temperature: float) -> None:
        self._temperature = temperature

    def total(self, outputs: Tensor, arrays: TokenArrays, rows: Int64s) -> Tensor:
        """See `Objective`; logits [n k, 1], the documents of a list one after another.

        Raises:
            ValueError: no teacher has scored the arrays.
        """
        if arrays.teacher is None:
            raise ValueError("the arrays hold nothing of a teacher")
        teacher = torch.from_numpy(arrays.teacher[rows]).to(outputs.device)
        divergence = kl_div(
            self._chances(outputs, arrays.rows_per_example),
            self._chances(teacher, arrays.rows_per_example),
            reduction="sum",
            log_target=True,
        )
        return self._temperature**2 * divergence

    def weight(self, arrays: TokenArrays, rows: Int64s) -> float:
        """See `Objective`: the number of lists."""
        return len(rows) / arrays.rows_per_example

    def _chances(self, logits: Tensor, each: int) -> Tensor:
        """Log probabilities [n, k + 1] of each document of a list, and of none."""
        return log_softmax(pad(logits.float().view(-1, each) / self._temperature, (0, 1)), dim=1)
