import numpy as np
import torch
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from shared.models.heads import Head
from shared.models.tasks import TaskKind
from shared.training.tasks.classify.pooled import set_prototypes, set_regression


def _logits(head: Head, vectors: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        found: np.ndarray = head(torch.from_numpy(vectors)).numpy()
    return found


def test_a_regression_gives_what_scikit_learn_gives() -> None:
    generator = np.random.default_rng(0)
    for classes in (2, 3):
        targets = np.arange(60) % classes
        vectors = (generator.normal(size=(60, 5)) + 3 * targets[:, None]).astype(np.float32)
        head = Head(TaskKind.CLASSIFY, 5, [str(i) for i in range(classes)])
        set_regression(head, vectors, targets, inverse_l2=2.0)
        scaled = vectors / np.linalg.norm(vectors, axis=1).mean()
        fitted = LogisticRegression(C=2.0, max_iter=2000).fit(scaled, targets)
        found = softmax(_logits(head, vectors), axis=1)
        np.testing.assert_allclose(found, fitted.predict_proba(scaled), atol=1e-4)


def test_prototypes_give_cosines() -> None:
    vectors = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 2]], np.float32)
    head = Head(TaskKind.CLASSIFY, 3, ["first", "second"])
    set_prototypes(head, vectors, np.array([0, 1, 1]), similarity_scale=10.0)
    found = _logits(head, np.array([[2, 0, 0], [0, 2, 0], [0, 1, 1]], np.float32))
    half = 10 * np.sqrt(0.5)
    expected = [[10, 0], [0, half], [0, 10 / np.sqrt(2)]]
    np.testing.assert_allclose(found, expected, atol=1e-5)
