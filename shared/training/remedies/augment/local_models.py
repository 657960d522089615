"""Language models of a folder or of Hugging Face by which texts are changed; only their data is
read.
"""

from dataclasses import dataclass
from typing import Any

import torch

from shared.errors import ArtifactError
from shared.failures import reason_of
from shared.models.backbone import choose_device
from shared.models.backbones.prefixes import NO_PREFIXES
from shared.models.source import BackboneConfig, locate

_MOST_TOKENS = 512


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A model with a head that gives words, its tokenizer, and where it computes."""

    model: Any
    tokenizer: Any
    device: torch.device
    name: str

    @property
    def most_tokens(self) -> int:
        """How many tokens of a text it reads."""
        positions = getattr(self.model.config, "max_position_embeddings", None) or _MOST_TOKENS
        return int(min(self.tokenizer.model_max_length, positions, _MOST_TOKENS))


def read_model(config: BackboneConfig, head: str) -> LanguageModel:
    """Reads a model by the name of one of transformers' `Auto` classes.

    Raises:
        ArtifactError: it is missing, incomplete, holds code or pickles, or has no such head.
        DependencyError: Hugging Face does not give it.
    """
    import transformers

    files = locate(config.model_copy(update={"prefixes": NO_PREFIXES}))
    folder, local = str(files.folder), {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **local)
        model, loaded = getattr(transformers, head).from_pretrained(
            folder, **local, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ArtifactError(
            f"{files.name} cannot be read as {head}: {reason_of(error)}: name a model that was "
            "trained for it"
        ) from error
    if loaded["missing_keys"]:
        raise ArtifactError(
            f"{files.name} has no weights for {min(loaded['missing_keys'])}, which {head} needs: "
            "name a model that was trained with this head"
        )
    device = choose_device(config)
    return LanguageModel(model.to(device).eval(), tokenizer, device, files.name)
