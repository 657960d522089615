"""LoRA: low-rank changes of linear layers."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

import torch
from peft import LoraConfig
from peft.tuners.lora import Linear
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from shared.errors import ConfigError
from shared.failures import reason_of
from shared.models.adapter_config import read_adapter_config
from shared.models.backbone import Backbone
from shared.models.bundle import ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, MODEL, Method
from shared.training.loop.checkpoint import Tensors
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
    adapted = Adapted(encoder, config)
    if not settings.dropout:
        _multiply_once(adapted)
    return adapted


def _multiply_once(adapted: Adapted) -> None:
    """Lets each layer add its change to its weights, and not to its outputs.

    The outputs are the same, by one product of all tokens instead of three: a step on a processor
    takes about two thirds of the time. With dropout before the change that cannot be.
    """
    for module in adapted.modules():
        if isinstance(module, Linear):
            module.forward = partial(_changed, module)  # type: ignore[method-assign]


def _changed(layer: Linear, inputs: Tensor) -> Tensor:
    linear = cast(nn.Linear, layer.base_layer)
    weight = linear.weight + layer.get_delta_weight(layer.active_adapters[0])
    return nn.functional.linear(inputs, weight, linear.bias)


def begin_with(adapted: Adapted, start: Path, backbone: Backbone, settings: LoraSettings) -> None:
    """Puts the adapter of another bundle in the place of one that changes nothing yet.

    Raises:
        ConfigError: it is not an adapter of this backbone, of the rank, scaling and layers that
            the settings say.
    """
    bundle = MODEL.read(start)
    manifest = bundle.manifest
    if manifest.method is not Method.LORA or manifest.backbone.sha256 != backbone.sha256:
        raise ConfigError(
            f"lora.start: {bundle.id} has the method {manifest.method} on the backbone "
            f"{manifest.backbone.name}: name a bundle of method lora on {backbone.name}"
        )
    found = _weights(start / ADAPTER_WEIGHTS_FILE)
    shapes, own = (
        {name: tuple(each.shape) for name, each in tensors.items()}
        for tensors in (found, adapted.tensors())
    )
    root = math.sqrt(settings.rank) if settings.rslora else settings.rank
    if shapes != own or read_adapter_config(start / ADAPTER_CONFIG_FILE).scaling != (
        settings.alpha / root
    ):
        raise ConfigError(
            f"lora.start: the adapter of {bundle.id} has another rank, scaling or other layers "
            "than `lora` says: set its rank, alpha and target_modules"
        )
    adapted.restore(found)


def _weights(path: Path) -> Tensors:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"lora.start: {path}: {reason_of(error)}") from None


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
