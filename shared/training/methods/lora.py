"""LoRA: low-rank changes of linear layers.

Notation of shapes: b rows, s columns, d the encoder's width.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from peft import LoraConfig
from peft.utils import set_peft_model_state_dict
from torch import Tensor, nn

from shared.training.loop.checkpoint import Tensors
from shared.training.methods.peft_files import peft_tensors, save_peft, with_peft
from shared.training.settings import LoraSettings


class Lora(nn.Module):
    """Low-rank changes of linear layers; the encoder's own weights stay."""

    def __init__(self, encoder: nn.Module, settings: LoraSettings) -> None:
        super().__init__()
        self.encoder = with_peft(encoder, lora_config(settings, encoder))

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Hidden states [b, s, d]; `inputs` are int64 [b, s] each."""
        hidden: Tensor = self.encoder(**inputs).last_hidden_state
        return hidden

    def weaken(self, strength: float) -> None:
        """Keeps this share of the change of every layer."""
        with torch.no_grad():
            for name, parameter in self.encoder.named_parameters():
                if ".lora_B." in name:
                    parameter.mul_(strength)

    def tensors(self) -> Tensors:
        """The adapter's matrices, by PEFT's names."""
        return peft_tensors(self.encoder)

    def restore(self, tensors: Tensors) -> None:
        """Puts back what `tensors` gave."""
        set_peft_model_state_dict(self.encoder, tensors)

    def save(self, folder: Path, name: str, source: Path) -> None:
        """Writes the adapter into a bundle's folder, in PEFT's format."""
        save_peft(self.encoder, folder, name)


def lora_config(settings: LoraSettings, encoder: nn.Module) -> LoraConfig:
    """PEFT's configuration, the linear layers named."""
    names = settings.target_modules
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        use_rslora=settings.rslora,
        lora_dropout=settings.dropout,
        target_modules=linear_layers(encoder) if isinstance(names, str) else list(names),
    )


def linear_layers(encoder: nn.Module) -> list[str]:
    """The names, within a block, of the linear layers of an encoder's repeated blocks.

    Layers outside of the blocks, such as BERT's pooler, take no part in the hidden states.
    """
    names = {
        within
        for name, module in encoder.named_modules()
        if isinstance(module, nn.Linear) and (within := _within_block(name.split(".")))
    }
    return sorted(names)


def _within_block(parts: Sequence[str]) -> str:
    """What follows the last number in a module's path; empty where there is none."""
    numbers = [i for i, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[numbers[-1] + 1 :]) if numbers else ""
