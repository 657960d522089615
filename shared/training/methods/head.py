"""A head alone: the encoder stays as it is.

Notation of shapes: b rows, s columns, d the encoder's width.
"""

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from shared.training.loop.checkpoint import Tensors


class Frozen(nn.Module):
    """Nothing of the encoder is trained: a head alone learns, without dropout below it."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Keeps the encoder as it serves."""
        return super().train(False)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Hidden states [b, s, d]; `inputs` are int64 [b, s] each."""
        with torch.no_grad():
            hidden: Tensor = self.encoder(**inputs).last_hidden_state
        return hidden

    def tensors(self) -> Tensors:
        """Nothing."""
        return {}

    def restore(self, tensors: Tensors) -> None:
        """Nothing is there to be put back."""

    def save(self, folder: Path, name: str, source: Path) -> None:
        """Nothing is there to be written."""
