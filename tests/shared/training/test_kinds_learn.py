"""Each kind beside classes and tags learns something tiny by the loop that trains all of them."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.models.bundle import Method
from shared.models.heads import Head
from shared.models.tasks import TaskKind
from shared.training.data.arrays import TokenArrays
from shared.training.loop.loop import Judge, Run, TrainingLoop
from shared.training.loop.workers import ALONE
from shared.training.methods.model import TunedModel
from shared.training.settings import CheckpointSettings, FinetuneSettings, OptimisationSettings
from shared.training.tasks.embed.contrastive import Contrastive
from shared.training.tasks.embed.kind import EMBED
from shared.training.tasks.kind import Kind
from shared.training.tasks.objective import BinaryCrossEntropy, Objective
from shared.training.tasks.score.kind import SCORE
from shared.training.tasks.span.kind import SPAN
from shared.training.tasks.span.span_loss import SpanLoss
from tests.shared.training import made

pytestmark = pytest.mark.usefixtures("one_thread")

CLS, SEP, ANSWER = 1, 2, 3


def _judge(kind: Kind[Any]) -> Judge:
    values = {"task": "t", "kind": kind.name, "data": {"train": "a", "dev": "b"}}
    learning = kind.learning(FinetuneSettings.model_validate(values))
    return partial(learning.judge, labels=())


def _model(kind: TaskKind) -> TunedModel:
    head = None if kind is TaskKind.EMBED else Head(kind, 16, ())
    outputs = 16 if head is None else head.linear.out_features
    tuned = made.tuned(Method.FULL)
    return TunedModel(tuned, made.mean_pool, head, outputs=outputs, bfloat16=False)


def _learn(
    folder: Path, kind: TaskKind, objective: Objective, sets: list[TokenArrays], judge: Judge,
    metric: str,
) -> tuple[float, float]:  # fmt: skip
    """The metric of the first epoch and of the best one; the loss must fall."""
    train, dev = sets
    run = Run(
        folder=folder,
        train=train,
        dev=dev,
        objective=objective,
        judge=judge,
        metric=metric,
        pad_id=0,
        seed=0,
        optimisation=OptimisationSettings(
            epochs=6, encoder_learning_rate=0.01, head_learning_rate=0.02, max_batch_tokens=256
        ),
        checkpoint=CheckpointSettings(),
    )
    history = TrainingLoop(_model(kind), run, ALONE).run().history
    assert history[-1].train_loss < 0.8 * history[0].train_loss
    return history[0].metrics[metric], max(score.metrics[metric] for score in history)


def _questions(n: int, seed: int) -> TokenArrays:
    """Contexts that hold the token `ANSWER`, or not."""
    generator = np.random.default_rng(seed)
    rows, targets = [], []
    for i in range(n):
        context = generator.integers(10, 40, size=generator.integers(4, 9))
        place = int(generator.integers(0, len(context)))
        answered = i % 2 == 0
        if answered:
            context[place] = ANSWER
        rows.append([CLS, 5, SEP, *context, SEP])
        column = 3 + place if answered else 0
        targets.append((column, column, 3, 3 + len(context)))
    return TokenArrays.of(rows, targets)


def _topics(n: int, seed: int) -> list[list[int]]:
    """Queries, documents of the same topic, and ones of another; topics are tokens."""
    generator = np.random.default_rng(seed)
    texts = []
    for _ in range(n):
        topic, other = generator.choice(np.arange(4, 28), size=2, replace=False)
        for token in (topic, topic, other):
            texts.append([int(token), *generator.integers(30, 40, size=4).tolist()])
    return texts


def _pairs(n: int, seed: int) -> TokenArrays:
    """Documents to score with their query: the first of two is relevant, and says so."""
    generator = np.random.default_rng(seed)
    rows = [
        [CLS, 5, SEP, token, *generator.integers(30, 40, size=4), SEP]
        for _ in range(n)
        for token in (10, 11)
    ]
    return TokenArrays.of(rows, [1, 0] * n, rows_per_example=2)


def _embedded(n: int, seed: int) -> TokenArrays:
    texts = _topics(n, seed)
    return TokenArrays.of(texts, list(range(len(texts))), rows_per_example=3)


def test_spans(tmp_path: Path) -> None:
    sets = [_questions(300, 0), _questions(60, 1)]
    _, best = _learn(tmp_path, TaskKind.SPAN, SpanLoss(0.0), sets, _judge(SPAN), "balanced_f1")
    # An untrained model has 0.5.
    assert best > 0.9


def test_scores(tmp_path: Path) -> None:
    sets = [_pairs(60, 0), _pairs(30, 1)]
    objective = BinaryCrossEntropy(0.0)
    _, best = _learn(tmp_path, TaskKind.SCORE, objective, sets, _judge(SCORE), "mrr_at_10")
    assert best > 0.95


def test_vectors(tmp_path: Path) -> None:
    sets = [_embedded(200, 0), _embedded(20, 1)]
    objective = Contrastive(20.0, ALONE)
    first, best = _learn(tmp_path, TaskKind.EMBED, objective, sets, _judge(EMBED), "mrr_at_10")
    assert best > max(first, 0.4)
