from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, rel_entr

from shared.models.bundle import Method
from shared.models.heads import Head
from shared.models.tasks import Float32s, TaskKind
from shared.training.data.arrays import TokenArrays
from shared.training.loop.loop import Run, TrainingLoop
from shared.training.loop.workers import ALONE
from shared.training.methods.model import TunedModel
from shared.training.remedies.distil.loss import Distilled, ListDivergence
from shared.training.settings import CheckpointSettings, OptimisationSettings
from shared.training.tasks.score.learning import ScoreLearning
from shared.training.tasks.score.listwise import ListCrossEntropy
from tests.shared.training import made

EACH = 3
STUDENT = np.array([[0.5], [2.0], [-1.0], [1.0], [1.5], [0.0]], np.float32)
TEACHER = np.array([[3.0], [-2.0], [0.0], [-1.0], [-4.0], [-2.5]], np.float32)
ROWS = np.arange(6)


def _arrays(teacher: Float32s = TEACHER) -> TokenArrays:
    plain = TokenArrays.of([[1]] * len(teacher), [1, 0, 0, 0, 0, 0], rows_per_example=EACH)
    return replace(plain, teacher=teacher)


def _divergence(temperature: float) -> float:
    """The same by SciPy, of probabilities."""
    chances = [
        np.exp(log_softmax(np.append(logits, 0.0) / temperature))
        for of in (TEACHER, STUDENT)
        for logits in of.reshape(-1, EACH)
    ]
    pairs = zip(chances[:2], chances[2:], strict=True)
    return float(temperature**2 * sum(rel_entr(p, q).sum() for p, q in pairs))


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_student_is_as_far_as_its_choice_of_a_list_or_none(temperature: float) -> None:
    loss = ListDivergence(temperature)
    found = loss.total(torch.from_numpy(STUDENT), _arrays(), ROWS).item()
    assert found == pytest.approx(_divergence(temperature), rel=1e-5)
    assert loss.total(torch.from_numpy(TEACHER), _arrays(), ROWS).item() == pytest.approx(0.0)
    assert loss.weight(_arrays(), ROWS) == 2


def test_lists_of_any_part_add_up() -> None:
    loss, logits = ListDivergence(1.0), torch.from_numpy(STUDENT)
    parts = [loss.total(logits[at], _arrays(), ROWS[at]) for at in (slice(3), slice(3, 6))]
    nothing = loss.total(logits[:0], _arrays(), ROWS[:0])
    assert sum(each.item() for each in parts) == pytest.approx(_divergence(1.0), rel=1e-5)
    assert nothing.item() == 0.0


def test_a_sure_teacher_is_learned_from_without_overflow() -> None:
    sure = np.array([[1e4], [-1e4], [0.0]] * 2, np.float32)
    logits = torch.from_numpy(STUDENT).requires_grad_()
    total = ListDivergence(1.0).total(logits, _arrays(sure), ROWS)
    torch.autograd.backward(total)
    assert logits.grad is not None
    assert torch.isfinite(total)
    assert torch.isfinite(logits.grad).all()


def test_labels_and_teacher_share_the_loss() -> None:
    logits, arrays = torch.from_numpy(STUDENT), _arrays()
    labels, teacher = ListCrossEntropy(), ListDivergence(1.0)
    of_labels = labels.total(logits, arrays, ROWS).item()
    of_teacher = teacher.total(logits, arrays, ROWS).item()
    for weight in (0.0, 0.3, 1.0):
        both = Distilled(labels, teacher, weight)
        expected = (1 - weight) * of_labels + weight * of_teacher
        assert both.total(logits, arrays, ROWS).item() == pytest.approx(expected)
        assert both.weight(arrays, ROWS) == labels.weight(arrays, ROWS)


def test_arrays_without_a_teacher_are_refused() -> None:
    plain = replace(_arrays(), teacher=None)
    with pytest.raises(ValueError, match="nothing of a teacher"):
        ListDivergence(1.0).total(torch.from_numpy(STUDENT), plain, ROWS)


def _lists(n: int, seed: int, preferred: int) -> TokenArrays:
    """Two documents each, which a token, 10 or 11, tells apart; targets and teacher prefer one."""
    generator = np.random.default_rng(seed)
    tokens = [int(token) for _ in range(n) for token in generator.permutation([10, 11])]
    rows = [[1, 5, 2, token, *generator.integers(30, 40, size=4), 2] for token in tokens]
    teacher = np.array([[2.0 if token == preferred else -2.0] for token in tokens], np.float32)
    targets = [int(token == preferred) for token in tokens]
    return replace(TokenArrays.of(rows, targets, rows_per_example=2), teacher=teacher)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("preferred", [10, 11])
def test_a_student_learns_what_only_the_teacher_says(preferred: int, tmp_path: Path) -> None:
    train, dev = _lists(60, 0, preferred), _lists(30, 1, preferred)
    optimisation = OptimisationSettings(
        objective="lists", teacher_weight=0.7, epochs=6, encoder_learning_rate=0.01,
        head_learning_rate=0.02, max_batch_tokens=256,
    )  # fmt: skip
    learning = ScoreLearning(optimisation, "mrr_at_10")
    run = Run(
        folder=tmp_path,
        # No label tells one document from another.
        train=replace(train, targets=np.zeros_like(train.targets)),
        dev=dev,
        objective=learning.objective(train, (), ALONE),
        judge=partial(learning.judge, labels=()),
        metric="mrr_at_10",
        pad_id=0,
        seed=0,
        optimisation=optimisation,
        checkpoint=CheckpointSettings(),
    )
    head = Head(TaskKind.SCORE, 16, ())
    model = TunedModel(
        made.tuned(Method.FULL), made.mean_pool, head, outputs=1, bfloat16=False
    )  # fmt: skip
    history = TrainingLoop(model, run, ALONE).run().history
    assert history[-1].metrics["mrr_at_10"] > 0.95
