"""What PEFT puts into an encoder, and its files in a bundle."""

import warnings
from pathlib import Path

from peft import PeftConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from torch import nn

from shared.models.bundle import ADAPTER_FOLDER, ADAPTER_WEIGHTS_FILE
from shared.training.loop.checkpoint import Tensors


def with_peft(encoder: nn.Module, config: PeftConfig) -> nn.Module:
    """The encoder with what PEFT puts into it, in place."""
    with warnings.catch_warnings():
        # PEFT 0.21 reads a property that transformers 5 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        model: nn.Module = get_peft_model(encoder, config)
    return model


def peft_tensors(encoder: nn.Module) -> Tensors:
    """What is trained, by PEFT's names."""
    tensors: Tensors = get_peft_model_state_dict(encoder, save_embedding_layers=False)
    return tensors


def save_peft(encoder: nn.Module, folder: Path, backbone_name: str) -> None:
    """Writes what is trained into a bundle's folder, in PEFT's format."""
    adapter = folder / ADAPTER_FOLDER
    # PEFT would name the folder of this machine that the backbone was read from.
    encoder.active_peft_config.base_model_name_or_path = backbone_name  # type: ignore[union-attr]
    # Embeddings are never trained; looking for them would ask Hugging Face by the name.
    encoder.save_pretrained(str(adapter), save_embedding_layers=False)  # type: ignore[operator]
    # PEFT's own card is an empty form.
    (adapter / "README.md").unlink()
    # safetensors writes files that nobody else may read, and a registry is shared.
    (folder / ADAPTER_WEIGHTS_FILE).chmod(0o644)
