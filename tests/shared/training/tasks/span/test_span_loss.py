import numpy as np
import pytest
import torch

from shared.training.data.arrays import TokenArrays
from shared.training.tasks.span.span_loss import SpanLoss

# [CLS] question [SEP] context [SEP]: an answer in columns 4 and 5 of the first, none in the second.
ARRAYS = TokenArrays.of([[1, 7, 2, 8, 9, 9, 2], [1, 7, 2, 8, 2]], [(4, 5, 3, 6), (0, 0, 3, 4)])


def _logits() -> torch.Tensor:
    return torch.randn(2, 7, 2, generator=torch.Generator().manual_seed(0))


def _expected(logits: torch.Tensor, smoothing: float) -> torch.Tensor:
    """By hand: the columns that may be chosen, cut out."""
    total = torch.zeros(())
    for row, columns, answer in ((0, [0, 3, 4, 5], (2, 3)), (1, [0, 3], (0, 0))):
        for side in (0, 1):
            chosen = logits[row, columns, side].unsqueeze(0)
            total += torch.nn.functional.cross_entropy(
                chosen, torch.tensor([answer[side]]), label_smoothing=smoothing
            )
    return total


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_only_the_context_and_the_first_token_compete(smoothing: float) -> None:
    logits = _logits()
    found = SpanLoss(smoothing).total(logits, ARRAYS, np.arange(2))
    assert found.item() == pytest.approx(_expected(logits, smoothing).item(), rel=1e-6)


def test_parts_of_a_batch_add_up() -> None:
    loss, logits = SpanLoss(0.1), _logits().requires_grad_()
    parts = [loss.total(logits[i : i + 1], ARRAYS, np.array([i])) for i in range(2)]
    parts.append(loss.total(logits[:0], ARRAYS, np.arange(0)))
    total = torch.stack(parts).sum()
    torch.autograd.backward(total)
    assert total.item() == pytest.approx(loss.total(logits, ARRAYS, np.arange(2)).item())
    assert logits.grad is not None
    assert torch.all(torch.isfinite(logits.grad))
    assert torch.all(logits.grad[1, 4:] == 0)
    assert loss.weight(ARRAYS, np.arange(2)) == 2.0
