"""Full fine-tuning: another backbone.

Notation of shapes: b rows, s columns, d the encoder's width.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from shared.models.bundle import BACKBONE_FOLDER
from shared.training.loop.checkpoint import Tensors
from shared.training.publish.backbone_copy import copy_without_encoder


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
        """Writes a bundle's own backbone into its folder, see `write_backbone`."""
        self.write_backbone(source, folder / BACKBONE_FOLDER)

    def write_backbone(self, source: Path, folder: Path) -> None:
        """Writes a backbone's folder, which `locate` reads.

        Tokenizer, pooling and what follows it are the files of the backbone that it came from.
        """
        place = copy_without_encoder(source, folder)
        self.encoder.save_pretrained(str(place))  # type: ignore[operator]
        # safetensors writes files that nobody else may read.
        for file in place.glob("*.safetensors"):
            file.chmod(0o644)


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
