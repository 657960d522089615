import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from shared.training.arrays import IGNORED
from shared.training.objective import CrossEntropy, class_weights


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
    truth = torch.from_numpy(labels)
    total = objective.total(logits[:3], truth[:3]) + objective.total(logits[3:], truth[3:])
    expected = torch.nn.functional.cross_entropy(
        logits, truth, weight=torch.from_numpy(weights), label_smoothing=0.1
    )
    assert (total / objective.weight(labels)).item() == pytest.approx(expected.item(), rel=1e-6)


def test_targets_of_tokens_count_where_they_say_something() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, generator=generator)
    targets = np.array([[IGNORED, 1, 3], [2, IGNORED, IGNORED]])
    weights = np.array([1.0, 0.5, 2.0, 3.0], dtype=np.float32)
    objective = CrossEntropy(weights, label_smoothing=0.1)
    spoken = [logits[0, 1], logits[0, 2], logits[1, 0]]
    expected = objective.total(torch.stack(spoken), torch.tensor([1, 3, 2]))
    assert objective.total(logits, torch.from_numpy(targets)).item() == pytest.approx(
        expected.item(), rel=1e-6
    )
    assert objective.weight(targets) == 0.5 + 3.0 + 2.0
    assert class_weights(targets.ravel(), 4, "balanced").tolist() == pytest.approx(
        [0.0, 0.75, 0.75, 0.75]
    )
