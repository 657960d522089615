"""Heads: what a task computes from the backbone's states. Training and serving share them.

Notation of shapes: b rows, s columns, d the width of what the head reads, c its outputs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from shared.errors import ArtifactError
from shared.files import write_atomic
from shared.models.tag import bio_labels
from shared.models.tasks import Float32s, TaskKind

SPAN_OUTPUTS = ("start", "end")

_TOKEN_KINDS = (TaskKind.TAG, TaskKind.SPAN)


class Head(nn.Module):
    """A linear layer in float32; its logits mean what the task's kind says.

    | kind     | reads                   | gives                                  |
    |----------|-------------------------|----------------------------------------|
    | classify | pooled vector [b, d]    | a logit for each label [b, c]          |
    | score    | pooled vector [b, d]    | one logit of being relevant [b, 1]     |
    | tag      | hidden states [b, s, d] | a logit for each BIO label [b, s, c]   |
    | span     | hidden states [b, s, d] | logits of being start and end [b, s, 2]|

    The pooled vector is `Backbone.pool`'s. The logits of `span` at the first token stand for "no
    answer".
    """

    def __init__(self, kind: TaskKind, width: int, labels: Sequence[str] = ()) -> None:
        super().__init__()
        self.kind = kind
        self.linear = nn.Linear(width, head_outputs(kind, labels))

    def forward(self, states: Tensor) -> Tensor:
        """The logits of pooled vectors or hidden states, see the class."""
        return cast(Tensor, self.linear(states))


def reads_tokens(kind: TaskKind) -> bool:
    """Whether the kind's head reads hidden states; otherwise it reads the pooled vector."""
    return kind in _TOKEN_KINDS


def head_outputs(kind: TaskKind, labels: Sequence[str]) -> int:
    """How many logits a head of a kind with a manifest's labels gives."""
    if kind is TaskKind.CLASSIFY:
        return len(labels)
    if kind is TaskKind.TAG:
        return len(bio_labels(labels))
    if kind is TaskKind.SPAN:
        return len(SPAN_OUTPUTS)
    if kind is TaskKind.SCORE:
        return 1
    raise ValueError(f"kind {kind} has no head")


def save_head(head: Head, path: Path) -> None:
    """Writes a head's weights as safetensors, `linear.weight` [c, d] and `linear.bias` [c]."""
    tensors = {name: tensor.float().contiguous() for name, tensor in head.state_dict().items()}
    write_atomic(path, save(tensors))


def load_head(path: Path, kind: TaskKind, width: int, labels: Sequence[str]) -> Head:
    """Reads what `save_head` wrote.

    Raises:
        ArtifactError: the file is malformed, for another width or number of labels, or not finite.
    """
    head = Head(kind, width, labels)
    try:
        head.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ArtifactError(
            f"{path} is not a {kind} head for {head.linear.out_features} outputs of a backbone of "
            f"width {width}: {error}"
        ) from None
    if not all(tensor.isfinite().all() for tensor in head.state_dict().values()):
        raise ArtifactError(f"{path} holds weights that are not finite: train it again")
    return head.eval().requires_grad_(False)


def softmax(logits: Float32s, temperature: float) -> Float32s:
    """Probabilities along the last axis, of logits divided by the temperature."""
    scaled = logits / np.float32(temperature)
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return cast(Float32s, powers / powers.sum(axis=-1, keepdims=True))


def sigmoid(logits: Float32s, temperature: float) -> Float32s:
    """The probability of each logit by itself, of logits divided by the temperature."""
    return torch.sigmoid(torch.from_numpy(logits) / temperature).numpy()
