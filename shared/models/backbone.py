"""The backbone: an encoder, its tokenizer and its own way from hidden states to vectors.

It is read through sentence-transformers, whose `modules.json` says which transformer, pooling,
dense and normalising modules make a vector, so that any of its text encoders works.

Notation of shapes: b rows, s columns, d the transformer's width, e the embedding's width.
"""

import copy
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor, nn
from transformers.utils.logging import disable_progress_bar

from shared.errors import ArtifactError, ConfigError
from shared.models.source import BackboneConfig, BackboneFiles, locate
from shared.models.tokenization import TextTokenizer, copy_of

__all__ = ["Backbone", "BackboneConfig", "choose_device", "choose_precision"]

# What architectures call the dropout of attention weights, and that of hidden states.
_OF_ATTENTION = ("attention_probs_dropout_prob", "attention_dropout")
_OF_HIDDEN = (
    "hidden_dropout_prob",
    "hidden_dropout",
    "dropout",
    "mlp_dropout",
    "embedding_dropout",
)


@dataclass(frozen=True, slots=True)
class Dropouts:
    """What replaces a backbone's own dropout while it is trained; None leaves it as it is."""

    hidden: float | None = None
    attention: float | None = None


def choose_device(config: BackboneConfig) -> torch.device:
    """The configured device, or the first GPU, or else the CPU."""
    if config.device != "auto":
        return torch.device(config.device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_precision(config: BackboneConfig, device: torch.device) -> torch.dtype:
    """The configured precision, or bfloat16 where the hardware multiplies in it."""
    if config.precision != "auto":
        return torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        features = torch.cpu.get_capabilities()
        fast = bool(features.get("avx512_bf16") or features.get("amx_bf16"))
    return torch.bfloat16 if fast else torch.float32


class Backbone:
    """A loaded encoder.

    `encoder` is the Hugging Face model (training wraps it, the engine runs it), in float32 until
    an engine casts it. `tokenizer` pads and truncates nothing; never change its state, threads
    share it. `unknown_id` is what it makes of characters that it does not know (None: there are
    none). `prefixes` stand before texts that are embedded. `max_length` counts tokens with the
    special ones; `positions` is how many the encoder could tell apart (None: any number).
    """

    def __init__(
        self,
        files: BackboneFiles,
        device: torch.device,
        precision: torch.dtype,
        trained: Dropouts | None = None,
    ) -> None:
        self.name = files.name
        self.folder = files.folder
        self.sha256 = files.sha256
        self.tokenizer_sha256 = files.tokenizer_sha256
        self.prefixes = files.prefixes
        self.device = device
        self.precision = precision
        model = _read(files.folder, device, precision, trained)
        transformer, pooling, tail = _split(model, files.folder)
        self.encoder: nn.Module = transformer.model
        self._pooling = pooling
        self._tail = tail
        self.width = int(transformer.get_embedding_dimension())
        self.embedding_width = int(model.get_embedding_dimension() or self.width)
        fast = getattr(transformer.tokenizer, "backend_tokenizer", None)
        if fast is None or transformer.tokenizer is None:
            raise ArtifactError(f"{files.folder}: only fast tokenizers are read, found none")
        self.tokenizer = copy_of(fast)
        self.pad_id = int(transformer.tokenizer.pad_token_id or 0)
        self.unknown_id: int | None = transformer.tokenizer.unk_token_id
        self.uses_token_types = _uses_token_types(transformer)
        self.positions = _positions(self.encoder)
        self.max_length = _max_length(model, self.positions, files.folder)

    @classmethod
    def load(cls, config: BackboneConfig, trained: Dropouts | None = None) -> "Backbone":
        """Reads and checks a backbone; this takes a second or more.

        `trained` is given where it is to be trained.

        Raises:
            ConfigError: a dropout is given and the architecture has none.
            ArtifactError: the files are missing, corrupt, unsafe, or no text encoder.
            DependencyError: Hugging Face does not give them.
        """
        files = locate(config)
        device = choose_device(config)
        return cls(files, device, choose_precision(config, device), trained)

    def at_most(self, max_length: int | None) -> int:
        """A length that was asked for, or fewer tokens where the backbone reads no more."""
        return min(max_length or self.max_length, self.max_length)

    def text_tokenizer(self, max_length: int) -> TextTokenizer:
        """What reads texts of at most so many tokens for this backbone."""
        return TextTokenizer(
            self.tokenizer,
            max_length,
            token_types=self.uses_token_types,
            prefixes=self.prefixes,
        )

    def pool(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        """The vector that heads read: hidden states [b, s, d], mask [b, s] to [b, d'].

        It is the pooling module's output, before dense and normalising modules; d' is d times the
        number of pooling modes.
        """
        features = {"token_embeddings": hidden, "attention_mask": attention_mask}
        return cast(Tensor, self._pooling(features)["sentence_embedding"])

    def with_encoder(self, encoder: nn.Module) -> "Backbone":
        """The same backbone with another encoder of its architecture."""
        other = copy.copy(self)
        other.encoder = encoder
        return other

    @property
    def memory_bytes(self) -> int:
        """What the encoder's weights take where an engine computes with them."""
        return self.precision.itemsize * sum(each.numel() for each in self.encoder.parameters())

    @property
    def pooled_width(self) -> int:
        """The width d' of what `pool` returns."""
        return int(self._pooling.get_embedding_dimension())

    def embed(self, pooled: Tensor) -> Tensor:
        """The backbone's own vectors [b, e] from `pool`'s output, as sentence-transformers' are."""
        features = {"sentence_embedding": pooled}
        for module in self._tail:
            features = module(features)
        return features["sentence_embedding"]


def _read(
    folder: Path, device: torch.device, precision: torch.dtype, trained: Dropouts | None
) -> SentenceTransformer:
    disable_progress_bar()  # type: ignore[no-untyped-call]
    changes = _changes(trained or Dropouts())
    kwargs: dict[str, Any] = {"dtype": torch.float32, "use_safetensors": True}
    if trained is not None and device.type == "cpu" and precision is torch.bfloat16:
        # The fused kernel's gradients take four times as long as those of plain products there.
        kwargs["attn_implementation"] = "eager"
    try:
        model = SentenceTransformer(
            str(folder),
            device=str(device),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs=kwargs,
            # A configuration takes over what it has and passes over the rest.
            config_kwargs=changes,
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ArtifactError(
            f"{folder} cannot be read as a sentence-transformers model: {error}"
        ) from error
    if model.default_prompt_name is not None:
        raise ArtifactError(
            f"{folder} puts a prompt ({model.default_prompt_name}) before every text: remove "
            "default_prompt_name; the trunk puts its prompts before queries and passages"
        )
    config = getattr(model[0], "config", None)
    for setting, names in (("attention_dropout", _OF_ATTENTION), ("dropout", _OF_HIDDEN)):
        given = [name for name in names if name in changes]
        if given and not any(hasattr(config, name) for name in given):
            raise ConfigError(
                f"optimisation.{setting}: the configuration of {folder} has neither "
                f"{' nor '.join(names)}: leave it out, or set it to null"
            )
    return model.eval()


def _changes(dropouts: Dropouts) -> dict[str, float]:
    """What is changed of an architecture's configuration, by all its names."""
    given = ((_OF_ATTENTION, dropouts.attention), (_OF_HIDDEN, dropouts.hidden))
    return {name: share for names, share in given if share is not None for name in names}


def _split(
    model: SentenceTransformer, folder: Path
) -> tuple[Transformer, Pooling, list[nn.Module]]:
    """The model's transformer, its pooling, and what follows that."""
    first, *others = model
    if not isinstance(first, Transformer) or not others or not isinstance(others[0], Pooling):
        raise ArtifactError(
            f"{folder}: expected a transformer and a pooling first, see modules.json"
        )
    if first.modality_config.get("text") != {
        "method": "forward",
        "method_output_name": "last_hidden_state",
    }:
        raise ArtifactError(f"{folder} is not a plain text encoder")
    return first, others[0], others[1:]


def _uses_token_types(transformer: Transformer) -> bool:
    """Whether tokenizer and encoder both know which of two texts a token is of."""
    names = getattr(transformer.tokenizer, "model_input_names", ())
    parameters = inspect.signature(transformer.model.forward).parameters
    return "token_type_ids" in names and "token_type_ids" in parameters


def _positions(encoder: nn.Module) -> int | None:
    """How many positions a text may fill; some encoders begin to count after the padding's id."""
    for name, module in encoder.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            first = 0 if module.padding_idx is None else module.padding_idx + 1
            return module.num_embeddings - first
    return getattr(encoder.config, "max_position_embeddings", None)


def _max_length(model: SentenceTransformer, positions: int | None, folder: Path) -> int:
    """What sentence-transformers reads at most, bounded by the positions that the model has."""
    limits = [limit for limit in (model.max_seq_length, positions) if limit]
    if not limits or min(limits) > 1_000_000:
        raise ArtifactError(f"{folder} does not say how many tokens it reads: set max_seq_length")
    return int(min(limits))
