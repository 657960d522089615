"""An encoder with what PEFT puts into it, and its files in a bundle.

Notation of shapes: b rows, s columns, d the encoder's width.
"""

import warnings
from pathlib import Path

from peft import PeftConfig, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor, nn

from shared.models.bundle import ADAPTER_FOLDER, ADAPTER_WEIGHTS_FILE
from shared.training.loop.checkpoint import Tensors


class Adapted(nn.Module):
    """What the configuration says is trained, in place; the encoder's own weights stay.

    With `virtual_tokens` before every text a pair is read without token types, as PEFT does it: its
    separator tells the texts apart.
    """

    def __init__(self, encoder: nn.Module, config: PeftConfig, virtual_tokens: int = 0) -> None:
        super().__init__()
        self._virtual_tokens = virtual_tokens
        with warnings.catch_warnings():
            # PEFT 0.21 reads a property that transformers 5 has renamed.
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            self.encoder: nn.Module = get_peft_model(encoder, config)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Hidden states [b, s, d] of the text's own tokens; `inputs` are int64 [b, s] each."""
        if self._virtual_tokens:
            inputs = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        hidden: Tensor = self.encoder(**inputs).last_hidden_state
        return hidden[:, self._virtual_tokens :]

    def tensors(self) -> Tensors:
        """What is trained, by PEFT's names."""
        tensors: Tensors = get_peft_model_state_dict(self.encoder, save_embedding_layers=False)
        return tensors

    def restore(self, tensors: Tensors) -> None:
        """Puts back what `tensors` gave."""
        set_peft_model_state_dict(self.encoder, tensors)

    def save(self, folder: Path, name: str, source: Path) -> None:
        """Writes what is trained into a bundle's folder, in PEFT's format."""
        adapter = folder / ADAPTER_FOLDER
        # PEFT would name the folder of this machine that the backbone was read from.
        self.encoder.active_peft_config.base_model_name_or_path = name  # type: ignore[union-attr]
        # Embeddings are never trained; looking for them would ask Hugging Face by the name.
        self.encoder.save_pretrained(str(adapter), save_embedding_layers=False)  # type: ignore[operator]
        # PEFT's own card is an empty form.
        (adapter / "README.md").unlink()
        # safetensors writes files that nobody else may read, and a registry is shared.
        (folder / ADAPTER_WEIGHTS_FILE).chmod(0o644)
