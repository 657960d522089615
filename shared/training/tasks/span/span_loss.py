"""The loss of where an answer begins and ends in a context, or of there being none.

Notation of shapes: b rows, s columns of the longest.
"""

import torch
from torch import Tensor

from shared.training.data.arrays import Int64s, TokenArrays


class SpanLoss:
    """Cross-entropy of the answer's first token plus that of its last, in float32.

    The tokens of the context compete with the row's first token, which stands for "no answer":
    those that serving decodes among, see `shared.models.span`. Targets are those of
    `shared.training.data.tokenisation.tokenise_questions`.

    Source: https://arxiv.org/abs/1810.04805 (section 4.3, SQuAD 2.0).
    """

    def __init__(self, label_smoothing: float) -> None:
        self._smoothing = label_smoothing

    def total(self, outputs: Tensor, arrays: TokenArrays, rows: Int64s) -> Tensor:
        """The sum of the losses of logits [b, s, 2] of the rows at `rows` [b]."""
        if not len(rows):
            return outputs.float().sum()
        targets = torch.from_numpy(arrays.padded_targets(rows)).to(outputs.device)
        start_end, first, stop = targets[:, :2], targets[:, 2:3], targets[:, 3:4]
        columns = torch.arange(outputs.shape[1], device=outputs.device)
        allowed = ((columns >= first) & (columns < stop)) | (columns == 0)
        masked = outputs.float().masked_fill(~allowed.unsqueeze(-1), -torch.inf)
        log_probabilities = masked.log_softmax(dim=1)
        right = log_probabilities.gather(1, start_end.unsqueeze(1)).squeeze(1)
        spread = log_probabilities.masked_fill(~allowed.unsqueeze(-1), 0.0).sum(dim=1)
        mean = spread / allowed.sum(dim=1, keepdim=True)
        return -((1.0 - self._smoothing) * right + self._smoothing * mean).sum()

    def weight(self, arrays: TokenArrays, rows: Int64s) -> float:
        """What a batch's total is divided by to give its mean: its rows."""
        return float(len(rows))
