"""Lists of documents that are learned from together, and what their scores tell of a query that
nothing answers.

Notation of shapes: n examples, k documents of each.
"""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from shared.metrics.calibration import Bools
from shared.models.tasks import Float32s
from shared.training.data.arrays import Int64s, TokenArrays

PAIR_WEIGHT = 0.25
"""What each pair's own yes or no counts beside its list: it ties the scores of different queries
to one zero."""

PASSED = 0.2
"""Of the queries that nothing answers, the share whose best document may seem to."""


class ListCrossEntropy:
    """The loss of choosing, of a list's documents or none of them (a logit of 0), what is right.

    With logits z of one list it is `-log(sum exp(z of the right ones) / (1 + sum exp(z)))`, and
    where no document is right `-log(1 / (1 + sum exp(z)))`; the binary cross-entropy of each pair
    counts `PAIR_WEIGHT` beside it, as a mean over the list.
    """

    def total(self, outputs: Tensor, arrays: TokenArrays, rows: Int64s) -> Tensor:
        """See `Objective`; logits [n k, 1], the documents of a list one after another."""
        each = arrays.rows_per_example
        targets = torch.from_numpy(arrays.padded_targets(rows)).to(outputs.device)
        right, logits = targets.view(-1, each).float(), outputs.float().view(-1, each)
        chances = torch.log_softmax(pad(logits, (0, 1)), dim=1)
        none = 1.0 - right.amax(dim=1, keepdim=True)
        chosen = torch.cat([right, none], dim=1).bool()
        lists = -torch.logsumexp(chances.masked_fill(~chosen, -torch.inf), dim=1).sum()
        pairs = binary_cross_entropy_with_logits(logits, right, reduction="sum") / each
        return lists + PAIR_WEIGHT * pairs

    def weight(self, arrays: TokenArrays, rows: Int64s) -> float:
        """See `Objective`: the number of lists."""
        return len(rows) / arrays.rows_per_example


def answerable_auc(truth: Bools, scores: Float32s) -> float | None:
    """How well the best score [n, k] tells the queries that a document answers from the others.

    The area under the ROC curve; None where all are of one sort.
    """
    answerable = truth.any(axis=1)
    if answerable.all() or not answerable.any():
        return None
    return float(roc_auc_score(answerable, scores.max(axis=1)))


def right_when_sure(truth: Bools, scores: Float32s) -> float | None:
    """Of the answerable queries, the share whose best document is right and sure enough.

    Sure enough is a score that `PASSED` of the queries that nothing answers reach; None where all
    are of one sort.
    """
    answerable, best = truth.any(axis=1), scores.max(axis=1)
    if answerable.all() or not answerable.any():
        return None
    bound = np.quantile(best[~answerable], 1.0 - PASSED)
    right = truth[np.arange(len(truth)), scores.argmax(axis=1)]
    return float((right & (best > bound))[answerable].mean())
