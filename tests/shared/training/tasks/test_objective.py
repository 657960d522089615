import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from shared.training.data.arrays import IGNORED, TokenArrays
from shared.training.tasks.objective import BinaryCrossEntropy, CrossEntropy, class_weights


def test_balanced_weights_equal_scikit_learn() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert class_weights(labels, 3, "balanced") == pytest.approx(expected, rel=1e-6)
    assert class_weights(labels, 3, "none").tolist() == [1.0, 1.0, 1.0]


def test_shards_of_any_size_add_up_to_the_mean_of_the_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(10, 4, generator=generator), np.arange(10) % 4
    weights = np.array([1.0, 0.5, 2.0, 3.0], dtype=np.float32)
    objective = CrossEntropy(weights, label_smoothing=0.1)
    arrays = TokenArrays.of([[1]] * 10, labels.tolist())
    truth, rows = torch.from_numpy(labels), np.arange(10)
    total = objective.total(logits[:3], arrays, rows[:3])
    total += objective.total(logits[3:], arrays, rows[3:])
    total += objective.total(logits[:0], arrays, rows[:0])
    expected = torch.nn.functional.cross_entropy(
        logits, truth, weight=torch.from_numpy(weights), label_smoothing=0.1
    )
    assert (total / objective.weight(arrays, rows)).item() == pytest.approx(
        expected.item(), rel=1e-6
    )


def test_targets_of_tokens_count_where_they_say_something() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, generator=generator)
    targets = [[IGNORED, 1, 3], [2, IGNORED]]
    weights = np.array([1.0, 0.5, 2.0, 3.0], dtype=np.float32)
    objective = CrossEntropy(weights, label_smoothing=0.1)
    spoken = torch.stack([logits[0, 1], logits[0, 2], logits[1, 0]])
    of_spoken = TokenArrays.of([[1]] * 3, [1, 3, 2])
    expected = objective.total(spoken, of_spoken, np.arange(3))
    arrays = TokenArrays.of([[1, 1, 1], [1, 1]], targets)
    both = np.arange(2)
    found = objective.total(logits, arrays, both)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    assert objective.weight(arrays, both) == 0.5 + 3.0 + 2.0
    assert class_weights(arrays.targets, 4, "balanced").tolist() == pytest.approx(
        [0.0, 0.75, 0.75, 0.75]
    )


def test_yes_or_no_targets_add_up_to_the_mean_of_all() -> None:
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    targets = (np.arange(15).reshape(5, 3) % 2).tolist()
    arrays, rows = TokenArrays.of([[1]] * 5, targets), np.arange(5)
    objective = BinaryCrossEntropy(label_smoothing=0.0)
    total = objective.total(logits[:2], arrays, rows[:2])
    total += objective.total(logits[2:], arrays, rows[2:])
    total += objective.total(logits[:0], arrays, rows[:0])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, torch.tensor(targets).float()
    )
    assert (total / objective.weight(arrays, rows)).item() == pytest.approx(expected.item())
    smooth = BinaryCrossEntropy(label_smoothing=0.5).total(logits, arrays, rows)
    softened = torch.tensor(targets).float() * 0.5 + 0.25
    assert smooth.item() == pytest.approx(
        torch.nn.functional.binary_cross_entropy_with_logits(
            logits, softened, reduction="sum"
        ).item()
    )
