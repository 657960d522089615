"""Prompt tuning: virtual tokens before every text.

Notation of shapes: b rows, s columns, d the encoder's width, v virtual tokens.
"""

from pathlib import Path

from peft import PromptTuningConfig, PromptTuningInit
from peft.utils import set_peft_model_state_dict
from torch import Tensor, nn

from shared.training.loop.checkpoint import Tensors
from shared.training.methods.peft_files import peft_tensors, save_peft, with_peft


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
        self.encoder = with_peft(encoder, config)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Hidden states [b, s, d] of the text's own tokens; `inputs` are int64 [b, s] each."""
        read = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        hidden: Tensor = self.encoder(**read).last_hidden_state
        return hidden[:, self._virtual_tokens :]

    def tensors(self) -> Tensors:
        """The virtual tokens [v, d], by PEFT's name."""
        return peft_tensors(self.encoder)

    def restore(self, tensors: Tensors) -> None:
        """Puts back what `tensors` gave."""
        set_peft_model_state_dict(self.encoder, tensors)

    def save(self, folder: Path, name: str, source: Path) -> None:
        """Writes the virtual tokens into a bundle's folder, in PEFT's format."""
        save_peft(self.encoder, folder, name)
