"""Masked language modelling: tokens that were hidden are told from those around them.

Notation of shapes: b rows, s columns, m hidden tokens of a batch, d the encoder's width, e that of
its word embeddings, v words of its vocabulary.

Source: https://arxiv.org/abs/1810.04805 (section 3.1).
"""

from collections.abc import Collection

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from shared.errors import ConfigError
from shared.models.backbone import Backbone
from shared.models.tasks import Float32s
from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.loop.checkpoint import Tensors
from shared.training.methods.full import Full
from shared.training.methods.model import TunedModel

MASKED_METRIC = "log_likelihood"
_MASK_TOKENS = ("[MASK]", "<mask>")
_HEAD = "head."
# Of the hidden tokens these shares show the mask, and another word; the others stay as they are.
_SHOWN_MASK, _SHOWN_OTHER = 0.8, 0.1


class MaskedModel(TunedModel):
    """An encoder, all of whose weights are trained, and what guesses the tokens that it hides.

    It gives of each row [b, 3]: the summed loss of its hidden tokens, their number, and how many
    were guessed right. While it trains, the hidden ones are drawn again by torch's random
    state; otherwise always the same ones of the same batch.
    """

    def __init__(self, backbone: Backbone, rate: float) -> None:
        bfloat16 = backbone.precision is torch.bfloat16
        super().__init__(Full(backbone.encoder), backbone.pool, None, outputs=3, bfloat16=bfloat16)
        self._rate = rate
        self._mask_id = mask_id(backbone.tokenizer)
        embeddings = backbone.encoder.get_input_embeddings()  # type: ignore[operator]
        # Not a module: its weights are the encoder's, and trained there.
        self._words: tuple[nn.Embedding] = (embeddings,)
        v, e = embeddings.weight.shape
        ordinary = torch.ones(v, dtype=torch.bool)
        ordinary[sorted(special_ids(backbone.tokenizer))] = False
        self.register_buffer("_ordinary", ordinary, persistent=False)
        self.guess = nn.ModuleDict({"inner": nn.Linear(backbone.width, e), "norm": nn.LayerNorm(e)})
        self.guess_bias = nn.Parameter(torch.zeros(v))

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """See the class; all arguments are int64 [b, s], and texts stand alone."""
        hidden_places, shown = self._hide(input_ids, attention_mask.bool())
        inputs = {"input_ids": shown, "attention_mask": attention_mask}
        with torch.autocast(input_ids.device.type, torch.bfloat16, enabled=self._bfloat16):
            states = self.tuned(inputs)[hidden_places]
            inner = torch.nn.functional.gelu(self.guess["inner"](states))
            logits = torch.nn.functional.linear(
                self.guess["norm"](inner), self._words[0].weight, self.guess_bias
            )
        truth = input_ids[hidden_places]
        losses = torch.nn.functional.cross_entropy(logits.float(), truth, reduction="none")
        right = (logits.argmax(dim=1) == truth).float()
        figures = torch.stack([losses, torch.ones_like(losses), right], dim=1)
        rows = hidden_places.nonzero()[:, 0]
        return figures.new_zeros((len(input_ids), 3)).index_add(0, rows, figures)

    def head_parameters(self) -> list[nn.Parameter]:
        """What guesses; it is not kept when the encoder is done."""
        return [*self.guess.parameters(), self.guess_bias]

    def tensors(self) -> Tensors:
        """See `TunedModel`."""
        guess = {"bias": self.guess_bias, **self.guess.state_dict()}
        named = {f"{_HEAD}{name}": tensor for name, tensor in guess.items()}
        return super().tensors() | {
            name: tensor.detach().cpu().contiguous() for name, tensor in named.items()
        }

    def restore(self, tensors: Tensors) -> None:
        """See `TunedModel`."""
        super().restore(tensors)
        guess = {n.removeprefix(_HEAD): t for n, t in tensors.items() if n.startswith(_HEAD)}
        with torch.no_grad():
            self.guess_bias.copy_(guess.pop("bias"))
        self.guess.load_state_dict(guess)

    def _hide(self, input_ids: Tensor, attended: Tensor) -> tuple[Tensor, Tensor]:
        """Which tokens are to be guessed, bool [b, s], and what is shown instead, int64 [b, s]."""
        generator = None if self.training else torch.Generator().manual_seed(0)
        place, kind = torch.rand((2, *input_ids.shape), generator=generator).to(input_ids.device)
        others = torch.randint(len(self.guess_bias), input_ids.shape, generator=generator)
        ordinary = self._ordinary[input_ids]  # type: ignore[index]
        hidden = (place < self._rate) & attended & ordinary
        shown = input_ids.masked_fill(hidden & (kind < _SHOWN_MASK), self._mask_id)
        swapped = hidden & (kind >= _SHOWN_MASK) & (kind < _SHOWN_MASK + _SHOWN_OTHER)
        return hidden, torch.where(swapped, others.to(input_ids.device), shown)


class MaskedLoss:
    """The loss of hidden tokens: an `Objective` for a `MaskedModel`."""

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def total(self, outputs: Tensor, arrays: TokenArrays, rows: Int64s) -> Tensor:
        """The summed loss of the rows' hidden tokens; outputs are the model's [b, 3]."""
        return outputs[:, 0].sum()

    def weight(self, arrays: TokenArrays, rows: Int64s) -> float:
        """How many tokens of the rows are hidden on average: known before they are drawn."""
        return self._rate * float(arrays.row_lengths[rows].sum())


def judge_masked(outputs: Float32s, arrays: TokenArrays) -> dict[str, float]:
    """The mean log-likelihood of hidden tokens, and the share guessed right, from [n, 3]."""
    loss, count, right = outputs.astype(float).sum(axis=0)
    return {MASKED_METRIC: -loss / max(count, 1.0), "accuracy": right / max(count, 1.0)}


def mask_id(tokenizer: Tokenizer) -> int:
    """The id that stands for a hidden token.

    Raises:
        ConfigError: the tokenizer has none, so the backbone was never trained with one.
    """
    found = [i for i in map(tokenizer.token_to_id, _MASK_TOKENS) if i is not None]
    if not found:
        raise ConfigError(
            f"the backbone's tokenizer knows none of {', '.join(_MASK_TOKENS)}: "
            "choose another backbone, or objective=simcse"
        )
    return found[0]


def special_ids(tokenizer: Tokenizer) -> Collection[int]:
    """The ids of tokens that are not part of a text."""
    return [i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special]
