"""Tiny things to train: an encoder with random weights, and a task that it can learn."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertModel

from shared.models.bundle import Method
from shared.models.heads import Head
from shared.models.tasks import TaskKind
from shared.training.data.arrays import TokenArrays
from shared.training.data.examples import ExampleT
from shared.training.loop.loop import Run
from shared.training.methods.full import Full
from shared.training.methods.head import Frozen
from shared.training.methods.lora import with_lora
from shared.training.methods.model import TunedModel
from shared.training.methods.prompt import with_prompt
from shared.training.methods.tuning import Tuned
from shared.training.settings import CheckpointSettings, LoraSettings, OptimisationSettings
from shared.training.tasks.classify.learning import ClassLearning
from shared.training.tasks.kind import Learning
from shared.training.tasks.objective import CrossEntropy, class_weights
from shared.training.tasks.training_data import TrainingData

CLASSES = 3


def encoder(dropout: float = 0.0) -> BertModel:
    """Two layers of width 16, always the same weights."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return BertModel(config)


def mean_pool(hidden: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """The mean over attended columns."""
    weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


def tuned(method: Method, dropout: float = 0.0) -> Tuned:
    """The tiny encoder, tuned by a method; the same first values every time."""
    backbone = encoder(dropout)
    torch.manual_seed(0)
    if method is Method.LORA:
        return with_lora(backbone, LoraSettings(rank=4, alpha=8))
    if method is Method.PROMPT:
        return with_prompt(backbone, 4)
    return Full(backbone) if method is Method.FULL else Frozen(backbone)


def classifier(dropout: float = 0.0, tuned_encoder: Tuned | None = None) -> TunedModel:
    """A classifier of three classes on the tiny encoder, in float32; LoRA unless given."""
    head = Head(TaskKind.CLASSIFY, 16, [f"class {i}" for i in range(CLASSES)])
    return TunedModel(
        tuned_encoder or tuned(Method.LORA, dropout),
        mean_pool,
        head,
        outputs=CLASSES,
        bfloat16=False,
    )


def arrays(n: int, seed: int) -> TokenArrays:
    """Sequences of which each class prefers its own third of the vocabulary."""
    generator = np.random.default_rng(seed)
    labels = [i % CLASSES for i in range(n)]
    sequences = [
        generator.integers(1 + 12 * label, 13 + 12 * label, size=generator.integers(3, 12)).tolist()
        for label in labels
    ]
    return TokenArrays.of(sequences, labels)


def embedder(tuned_encoder: Tuned) -> TunedModel:
    """Vectors of width 16 on the tiny encoder, in float32."""
    return TunedModel(tuned_encoder, mean_pool, None, outputs=16, bfloat16=False)


def pairs(n: int, seed: int) -> TokenArrays:
    """Examples of two sequences from the same third of the vocabulary; no sequence stands twice."""
    single = arrays(n, seed), arrays(n, seed + 100)
    sequences = [
        one.tokens[one.offsets[i] : one.offsets[i + 1]] for i in range(n) for one in single
    ]
    return TokenArrays.of(sequences, range(2 * n), rows_per_example=2)


def run(folder: Path, every_steps: int | None = None, **optimisation: object) -> Run:
    """A run of 90 examples in `folder`."""
    defaults: dict[str, object] = {"epochs": 4, "max_batch_tokens": 128}
    settings = OptimisationSettings.model_validate(defaults | optimisation)
    train = arrays(90, seed=1)
    weights = class_weights(train.targets, CLASSES, settings.class_weights)
    return Run(
        folder=folder,
        train=train,
        dev=arrays(30, seed=2),
        objective=CrossEntropy(weights, settings.label_smoothing),
        judge=partial(ClassLearning().judge, labels=()),
        metric="accuracy",
        pad_id=0,
        seed=0,
        optimisation=settings,
        checkpoint=CheckpointSettings(every_steps=every_steps),
    )


def checked(
    learning: Learning[ExampleT],
    train: Sequence[ExampleT],
    dev: Sequence[ExampleT],
    measured: Mapping[str, Sequence[ExampleT]] | None = None,
    choosing: str = "dev",
) -> TrainingData:
    """Sets that a kind can learn from; `choosing` is the name of `dev`."""
    others = dict(measured or {})
    labels = learning.check({"train": train, choosing: dev} | others, choosing)
    return TrainingData(learning, labels, train, dev, others)
