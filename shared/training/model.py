"""The model that is trained: a frozen backbone with a LoRA adapter, its pooling, a linear head.

Notation of shapes: b rows, s columns, d the backbone's width, c the head's outputs.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor, nn

from shared.models.backbone import Backbone
from shared.models.bundle import ADAPTER_FOLDER, ADAPTER_WEIGHTS_FILE, HEAD_FILE
from shared.models.heads import Head, reads_tokens, save_head
from shared.models.tasks import TaskKind
from shared.training.checkpoint import Tensors
from shared.training.settings import LoraSettings

_ADAPTER = "adapter."
_HEAD = "head."

Pool = Callable[[Tensor, Tensor], Tensor]
"""Hidden states [b, s, d] and attention mask [b, s] to one vector for each row, [b, d]."""


class AdaptedModel(nn.Module):
    """Token ids to logits; only the adapter and the head are trained.

    The head reads the pooled vector or every token, as `shared.models.heads` says of its kind. The
    encoder runs in bfloat16 where `bfloat16` says so; weights, pooling, head and loss stay
    float32.
    """

    def __init__(
        self,
        encoder: nn.Module,
        pool: Pool,
        head: Head,
        lora: LoraConfig,
        *,
        bfloat16: bool,
    ) -> None:
        super().__init__()
        self.outputs = head.linear.out_features
        self._pool = pool
        self._bfloat16 = bfloat16
        with warnings.catch_warnings():
            # PEFT 0.21 reads a property that transformers 5 has renamed.
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            self.encoder = get_peft_model(encoder, lora)
        self.head = head
        # Equal logits at first: nothing is preferred before an example was seen.
        nn.init.zeros_(head.linear.weight)
        nn.init.zeros_(head.linear.bias)

    @classmethod
    def on(
        cls, backbone: Backbone, settings: LoraSettings, kind: TaskKind, labels: Sequence[str]
    ) -> "AdaptedModel":
        """A new model on a backbone, whose encoder it changes in place; labels as in a manifest."""
        width = backbone.width if reads_tokens(kind) else backbone.pooled_width
        return cls(
            backbone.encoder,
            backbone.pool,
            Head(kind, width, labels),
            lora_config(settings, backbone.encoder),
            bfloat16=backbone.precision is torch.bfloat16,
        )

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Logits float32 [b, c], or [b, s, c] where the head reads tokens.

        All arguments are int64 [b, s]; `token_type_ids` are given for pairs alone.
        """
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids
        with torch.autocast(input_ids.device.type, torch.bfloat16, enabled=self._bfloat16):
            hidden = self.encoder(**inputs).last_hidden_state
        hidden = hidden.float()
        reads = hidden if reads_tokens(self.head.kind) else self._pool(hidden, attention_mask)
        logits: Tensor = self.head(reads)
        return logits

    def adapter_parameters(self) -> list[nn.Parameter]:
        """The adapter's matrices."""
        return [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]

    def head_parameters(self) -> list[nn.Parameter]:
        """The head's weight and bias."""
        return list(self.head.parameters())

    def trainable(self) -> dict[Tensor, str]:
        """The names of all parameters that are trained."""
        return {
            parameter: name
            for name, parameter in self.named_parameters()
            if parameter.requires_grad
        }

    def tensors(self) -> Tensors:
        """What was trained, on the CPU: `adapter.<PEFT's name>` and `head.<name>`."""
        adapter = get_peft_model_state_dict(self.encoder, save_embedding_layers=False)
        named = {f"{_ADAPTER}{name}": tensor for name, tensor in adapter.items()}
        named |= {f"{_HEAD}{name}": tensor for name, tensor in self.head.state_dict().items()}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in named.items()}

    def restore(self, tensors: Tensors) -> None:
        """Puts back what `tensors` gave."""
        set_peft_model_state_dict(self.encoder, _below(_ADAPTER, tensors))
        self.head.load_state_dict(_below(_HEAD, tensors))

    def save(self, folder: Path, backbone_name: str) -> None:
        """Writes the adapter, in PEFT's format, and the head into a bundle's folder."""
        save_head(self.head, folder / HEAD_FILE)
        adapter = folder / ADAPTER_FOLDER
        # PEFT would name the folder of this machine that the backbone was read from.
        self.encoder.active_peft_config.base_model_name_or_path = backbone_name
        # Embeddings are never trained; looking for them would ask Hugging Face by the name.
        self.encoder.save_pretrained(str(adapter), save_embedding_layers=False)
        # PEFT's own card is an empty form.
        (adapter / "README.md").unlink()
        # safetensors writes files that nobody else may read, and a registry is shared.
        (folder / ADAPTER_WEIGHTS_FILE).chmod(0o644)


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


def _below(prefix: str, tensors: Tensors) -> Tensors:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
