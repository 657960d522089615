"""Tiny things to train: an encoder with random weights, and a task that it can learn."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertModel

from shared.models.heads import Head
from shared.models.tasks import TaskKind
from shared.training.arrays import TokenArrays
from shared.training.classification import judge_classes
from shared.training.loop import Run
from shared.training.model import AdaptedModel, lora_config
from shared.training.settings import LoraSettings, OptimisationSettings

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


def classifier(dropout: float = 0.0, lora: LoraSettings | None = None) -> AdaptedModel:
    """A classifier of three classes on the tiny encoder, in float32."""
    backbone = encoder(dropout)
    config = lora_config(lora or LoraSettings(rank=4, alpha=8), backbone)
    head = Head(TaskKind.CLASSIFY, 16, [f"class {i}" for i in range(CLASSES)])
    return AdaptedModel(backbone, mean_pool, head, config, bfloat16=False)


def arrays(n: int, seed: int) -> TokenArrays:
    """Sequences of which each class prefers its own third of the vocabulary."""
    generator = np.random.default_rng(seed)
    labels = [i % CLASSES for i in range(n)]
    sequences = [
        generator.integers(1 + 12 * label, 13 + 12 * label, size=generator.integers(3, 12)).tolist()
        for label in labels
    ]
    return TokenArrays.of(sequences, labels)


def run(folder: Path, **optimisation: object) -> Run:
    """A run of 90 examples in `folder`."""
    defaults: dict[str, object] = {"epochs": 4, "max_batch_tokens": 128}
    return Run(
        folder=folder,
        train=arrays(90, seed=1),
        dev=arrays(30, seed=2),
        judge=judge_classes,
        metric="accuracy",
        pad_id=0,
        seed=0,
        optimisation=OptimisationSettings.model_validate(defaults | optimisation),
        keep=2,
    )


def stopping_after(epochs: int) -> Callable[[object], None]:
    """A reporter that raises after so many epochs, as a killed worker would stop."""
    seen: list[object] = []

    def report(score: object) -> None:
        seen.append(score)
        if len(seen) == epochs:
            raise InterruptedError("killed")

    return report
