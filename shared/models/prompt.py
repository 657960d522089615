"""Virtual tokens that a task puts before every text: PEFT's prompt tuning.

Notation of shapes: v virtual tokens, e the width of the encoder's token embeddings.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from shared.errors import ArtifactError
from shared.models.adapter_config import read_virtual_tokens
from shared.models.bundle import ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE

_TENSOR = "prompt_embeddings"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands where the embeddings of virtual tokens would; `embeddings` is [v, e].

    Source: https://arxiv.org/abs/2104.08691.
    """

    embeddings: Tensor

    @property
    def virtual_tokens(self) -> int:
        """How many columns of a batch it takes."""
        return len(self.embeddings)

    def to(self, device: torch.device, dtype: torch.dtype) -> "Prompt":
        """The same prompt where and as precise as the backbone computes."""
        return Prompt(self.embeddings.to(device, dtype))


def read_prompt(folder: Path, width: int) -> Prompt:
    """Reads the prompt of a bundle's folder in float32, for token embeddings of a width.

    Raises:
        ArtifactError: the prompt is malformed, or its width is not the backbone's.
    """
    count = read_virtual_tokens(folder / ADAPTER_CONFIG_FILE)
    path = folder / ADAPTER_WEIGHTS_FILE
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path} cannot be read as safetensors: {error}") from None
    if set(tensors) != {_TENSOR}:
        raise ArtifactError(f"{path} holds {sorted(tensors)}: a prompt is {_TENSOR} alone")
    embeddings = tensors[_TENSOR].float()
    if embeddings.shape != (count, width):
        raise ArtifactError(
            f"{path}: {_TENSOR} has shape {list(embeddings.shape)}, expected [{count}, {width}]: "
            "it was made for another backbone"
        )
    if not embeddings.isfinite().all():
        raise ArtifactError(f"{path} holds weights that are not finite: train it again")
    return Prompt(embeddings)
