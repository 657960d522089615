"""LoRA: low-rank changes of linear layers."""

from collections.abc import Sequence

import torch
from peft import LoraConfig
from torch import nn

from shared.training.methods.adapted import Adapted
from shared.training.settings import LoraSettings


def with_lora(encoder: nn.Module, settings: LoraSettings) -> Adapted:
    """An encoder with low-rank changes of the named linear layers, in place."""
    names = settings.target_modules
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        use_rslora=settings.rslora,
        lora_dropout=settings.dropout,
        target_modules=linear_layers(encoder) if isinstance(names, str) else list(names),
    )
    return Adapted(encoder, config)


def weaken(tuned: nn.Module, strength: float) -> None:
    """Keeps this share of the low-rank change of every layer."""
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if ".lora_B." in name:
                parameter.mul_(strength)


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
