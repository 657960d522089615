"""The methods of fine-tuning: what of an encoder is trained, and how that is kept and written.

Each wraps an encoder, gives its hidden states, and says which tensors are its own. `save` writes
them into a bundle's folder, told the name and the folder of the backbone that they began with.

Notation of shapes: b rows, s columns, d the encoder's width, v virtual tokens.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from peft import LoraConfig, PeftConfig, PromptTuningConfig, PromptTuningInit, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor, nn

from shared.errors import ConfigError
from shared.models.backbone import Backbone
from shared.models.bundle import ADAPTER_FOLDER, ADAPTER_WEIGHTS_FILE, BACKBONE_FOLDER, Method
from shared.training.loop.checkpoint import Tensors
from shared.training.publish.backbone_copy import copy_without_encoder
from shared.training.settings import FinetuneSettings, LoraSettings


class Lora(nn.Module):
    """Low-rank changes of linear layers; the encoder's own weights stay."""

    def __init__(self, encoder: nn.Module, settings: LoraSettings) -> None:
        super().__init__()
        self.encoder = _with_peft(encoder, lora_config(settings, encoder))

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
        return _peft_tensors(self.encoder)

    def restore(self, tensors: Tensors) -> None:
        """Puts back what `tensors` gave."""
        set_peft_model_state_dict(self.encoder, tensors)

    def save(self, folder: Path, name: str, source: Path) -> None:
        """Writes the adapter into a bundle's folder, in PEFT's format."""
        _save_peft(self.encoder, folder, name)


class Prompt(nn.Module):
    """Virtual tokens before every text; the encoder's own weights stay.

    As PEFT does it, a pair is read without token types: its separator tells the texts apart.
    Source: https://arxiv.org/abs/2104.08691.
    """

    def __init__(self, encoder: nn.Module, virtual_tokens: int) -> None:
        super().__init__()
        config = PromptTuningConfig(
            task_type="FEATURE_EXTRACTION",
            num_virtual_tokens=virtual_tokens,
            # Random vectors would be many times as long as those of words.
            prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
        )
        self._virtual_tokens = virtual_tokens
        self.encoder = _with_peft(encoder, config)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Hidden states [b, s, d] of the text's own tokens; `inputs` are int64 [b, s] each."""
        read = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        hidden: Tensor = self.encoder(**read).last_hidden_state
        return hidden[:, self._virtual_tokens :]

    def tensors(self) -> Tensors:
        """The virtual tokens [v, d], by PEFT's name."""
        return _peft_tensors(self.encoder)

    def restore(self, tensors: Tensors) -> None:
        """Puts back what `tensors` gave."""
        set_peft_model_state_dict(self.encoder, tensors)

    def save(self, folder: Path, name: str, source: Path) -> None:
        """Writes the virtual tokens into a bundle's folder, in PEFT's format."""
        _save_peft(self.encoder, folder, name)


class Full(nn.Module):
    """Every weight that has a part in the hidden states is trained."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(True)
        for parameter in _without_part(encoder):
            parameter.requires_grad_(False)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Hidden states [b, s, d]; `inputs` are int64 [b, s] each."""
        hidden: Tensor = self.encoder(**inputs).last_hidden_state
        return hidden

    def tensors(self) -> Tensors:
        """The trained weights, by the encoder's names."""
        return {name: each for name, each in self.encoder.named_parameters() if each.requires_grad}

    def restore(self, tensors: Tensors) -> None:
        """Puts back what `tensors` gave."""
        own = self.tensors()
        if own.keys() != tensors.keys():
            raise ValueError(f"other weights: {sorted(own.keys() ^ tensors.keys())[:3]}")
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(tensors[name])

    def save(self, folder: Path, name: str, source: Path) -> None:
        """Writes a backbone of its own into a bundle's folder, which `locate` reads.

        Tokenizer, pooling and what follows it are the files of the backbone that it came from.
        """
        place = copy_without_encoder(source, folder / BACKBONE_FOLDER)
        self.encoder.save_pretrained(str(place))  # type: ignore[operator]
        for file in place.glob("*.safetensors"):
            file.chmod(0o644)


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


Tuned = Lora | Prompt | Full | Frozen
"""One method at work on an encoder, which it changes in place."""


def tune(backbone: Backbone, settings: FinetuneSettings, max_length: int) -> Tuned:
    """The configured method on a backbone's encoder.

    Raises:
        ConfigError: the method does not fit the backbone.
    """
    check_method(backbone, settings, max_length)
    encoder = backbone.encoder
    if settings.method is Method.LORA:
        return Lora(encoder, settings.lora)
    if settings.method is Method.PROMPT:
        return Prompt(encoder, settings.prompt.virtual_tokens)
    return Full(encoder) if settings.method is Method.FULL else Frozen(encoder)


def check_method(backbone: Backbone, settings: FinetuneSettings, max_length: int) -> None:
    """Checks what can be told of a method on a backbone before anything is trained.

    Raises:
        ConfigError: virtual tokens and a text of `max_length` exceed the encoder's positions.
    """
    tokens, positions = settings.prompt.virtual_tokens, backbone.positions
    if settings.method is not Method.PROMPT or positions is None:
        return
    if tokens + max_length > positions:
        raise ConfigError(
            f"prompt.virtual_tokens: {tokens} and texts of {max_length} tokens exceed the "
            f"backbone's {positions} positions: set max_length={positions - tokens}"
        )


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


def _without_part(encoder: nn.Module) -> list[nn.Parameter]:
    """The parameters that the hidden states do not depend on, such as BERT's pooler's.

    Found by trying: workers that train together wait for the gradient of every parameter.
    """
    device = next(encoder.parameters()).device
    one = torch.ones((1, 1), dtype=torch.int64, device=device)
    with torch.enable_grad():
        hidden = encoder(input_ids=one, attention_mask=one).last_hidden_state
        parameters = list(encoder.parameters())
        found = torch.autograd.grad(hidden.sum(), parameters, allow_unused=True)
    return [each for each, grad in zip(parameters, found, strict=True) if grad is None]


def _with_peft(encoder: nn.Module, config: PeftConfig) -> nn.Module:
    with warnings.catch_warnings():
        # PEFT 0.21 reads a property that transformers 5 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        model: nn.Module = get_peft_model(encoder, config)
    return model


def _peft_tensors(encoder: nn.Module) -> Tensors:
    tensors: Tensors = get_peft_model_state_dict(encoder, save_embedding_layers=False)
    return tensors


def _save_peft(encoder: nn.Module, folder: Path, backbone_name: str) -> None:
    adapter = folder / ADAPTER_FOLDER
    # PEFT would name the folder of this machine that the backbone was read from.
    encoder.active_peft_config.base_model_name_or_path = backbone_name  # type: ignore[union-attr]
    # Embeddings are never trained; looking for them would ask Hugging Face by the name.
    encoder.save_pretrained(str(adapter), save_embedding_layers=False)  # type: ignore[operator]
    # PEFT's own card is an empty form.
    (adapter / "README.md").unlink()
    # safetensors writes files that nobody else may read, and a registry is shared.
    (folder / ADAPTER_WEIGHTS_FILE).chmod(0o644)
