"""The model that is trained: an encoder tuned by a method, its pooling, and a linear head.

Notation of shapes: b rows, s columns, d the encoder's width, c the outputs of a row or a token.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from shared.models.backbone import Backbone
from shared.models.bundle import HEAD_FILE
from shared.models.heads import Head, reads_tokens, save_head
from shared.training.loop.checkpoint import Tensors
from shared.training.methods.tuning import Tuned, tune
from shared.training.settings import FinetuneSettings

# The encoder's tensors in checkpoints, whatever the method.
_ENCODER = "encoder."
_HEAD = "head."
_BESIDE = "beside."

Pool = Callable[[Tensor, Tensor], Tensor]
"""Hidden states [b, s, d] and attention mask [b, s] to one vector for each row, [b, d']."""


class TunedModel(nn.Module):
    """Token ids to logits, or to vectors where the kind has no head.

    A head reads the pooled vector or every token, as `shared.models.heads` says of its kind.
    Without a head the model gives what `pool` gives, of `outputs` numbers. The encoder runs in
    bfloat16 where `bfloat16` says so; weights, pooling, head and loss stay float32. `beside` is
    what remedies train with it and no bundle has.
    """

    def __init__(
        self, tuned: Tuned, pool: Pool, head: Head | None, *, outputs: int, bfloat16: bool
    ) -> None:
        super().__init__()
        self.outputs = outputs
        self.reads_tokens = head is not None and reads_tokens(head.kind)
        self._pool = pool
        self._bfloat16 = bfloat16
        self.tuned = tuned
        self.head = head
        if head is not None:
            # Equal logits at first: nothing is preferred before an example was seen.
            nn.init.zeros_(head.linear.weight)
            nn.init.zeros_(head.linear.bias)
        self.beside = nn.ModuleList()

    @classmethod
    def on(
        cls,
        backbone: Backbone,
        settings: FinetuneSettings,
        labels: tuple[str, ...],
        max_length: int,
    ) -> "TunedModel":
        """A new model on a backbone, whose encoder it changes in place; labels as in a manifest.

        A model of kind `embed` gives the backbone's own vectors, see `Backbone.embed`.

        Raises:
            ConfigError: the method does not fit the backbone.
        """
        tuned = tune(backbone, settings, max_length)
        if not settings.task_kind.has_head:
            return cls.embedder(tuned, backbone)
        width = backbone.width if reads_tokens(settings.kind) else backbone.pooled_width
        return cls.pooling(tuned, backbone, Head(settings.kind, width, labels))

    @classmethod
    def pooling(cls, tuned: Tuned, backbone: Backbone, head: Head | None = None) -> "TunedModel":
        """A head on what the backbone pools, or its pooled vectors themselves."""
        outputs = backbone.pooled_width if head is None else head.linear.out_features
        bfloat16 = backbone.precision is torch.bfloat16
        return cls(tuned, backbone.pool, head, outputs=outputs, bfloat16=bfloat16)

    @classmethod
    def embedder(cls, tuned: Tuned, backbone: Backbone) -> "TunedModel":
        """The backbone's own vectors, see `Backbone.embed`."""

        def embed(hidden: Tensor, attention_mask: Tensor) -> Tensor:
            return backbone.embed(backbone.pool(hidden, attention_mask))

        bfloat16 = backbone.precision is torch.bfloat16
        return cls(tuned, embed, None, outputs=backbone.embedding_width, bfloat16=bfloat16)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Float32 [b, c], or [b, s, c] where the head reads tokens.

        All arguments are int64 [b, s]; `token_type_ids` are given for pairs alone.
        """
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids
        with torch.autocast(input_ids.device.type, torch.bfloat16, enabled=self._bfloat16):
            hidden = self.tuned(inputs)
        hidden = hidden.float()
        reads = hidden if self.reads_tokens else self._pool(hidden, attention_mask)
        return reads if self.head is None else self.head(reads)

    @property
    def embedded_tokens(self) -> nn.Embedding:
        """The layer that gives each token its embedding, [b, s, d]."""
        layer: nn.Embedding = self.tuned.encoder.get_input_embeddings()  # type: ignore[operator]
        return layer

    def encoder_parameters(self) -> list[nn.Parameter]:
        """What the method trains of the encoder, or beside it."""
        return [parameter for parameter in self.tuned.parameters() if parameter.requires_grad]

    def head_parameters(self) -> list[nn.Parameter]:
        """The head's weight and bias, none without a head, and those of `beside`."""
        head = [] if self.head is None else list(self.head.parameters())
        return [*head, *self.beside.parameters()]

    def trainable(self) -> dict[Tensor, str]:
        """The names of all parameters that are trained."""
        return {
            parameter: name
            for name, parameter in self.named_parameters()
            if parameter.requires_grad
        }

    def tensors(self) -> Tensors:
        """What was trained, on the CPU: `encoder.<the method's name>` and `head.<name>`."""
        named = {f"{_ENCODER}{name}": tensor for name, tensor in self.tuned.tensors().items()}
        if self.head is not None:
            named |= {f"{_HEAD}{name}": tensor for name, tensor in self.head.state_dict().items()}
        named |= {f"{_BESIDE}{name}": tensor for name, tensor in self.beside.state_dict().items()}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in named.items()}

    def restore(self, tensors: Tensors) -> None:
        """Puts back what `tensors` gave; what was beside the model only where it still is."""
        self.tuned.restore(_below(_ENCODER, tensors))
        if self.head is not None:
            self.head.load_state_dict(_below(_HEAD, tensors))
        if len(self.beside):
            self.beside.load_state_dict(_below(_BESIDE, tensors))

    def shift_output(self, output: int, shift: float) -> None:
        """Adds to the head's bias of one output.

        Raises:
            ValueError: there is no head.
        """
        if self.head is None:
            raise ValueError("a model without a head has no output to shift")
        with torch.no_grad():
            self.head.linear.bias[output] += shift

    def save(self, folder: Path, name: str, source: Path) -> None:
        """Writes the method's files and the head into a bundle's folder.

        `name` and `source` are the backbone's name and its folder.
        """
        self.tuned.save(folder, name, source)
        if self.head is not None:
            save_head(self.head, folder / HEAD_FILE)


def _below(prefix: str, tensors: Tensors) -> Tensors:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
