"""What computes hidden states: a small interface, and torch behind it.

Notation of shapes: b rows, s columns, d the backbone's width.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers import PreTrainedModel

from shared.models.lora import Adapter, RowAdapters
from shared.models.prompt import Prompt

Int64s = npt.NDArray[np.int64]
BetweenLayers = Callable[[], None]
TunedT = TypeVar("TunedT", Adapter, Prompt)


@dataclass(frozen=True, slots=True)
class PaddedBatch:
    """Rows of tokens, padded on the right; every array is int64 [b, s], C-contiguous.

    `attention_mask` is 1 at tokens and 0 at padding; `token_type_ids` is None for backbones that
    have no such thing.
    """

    input_ids: Int64s
    attention_mask: Int64s
    token_type_ids: Int64s | None


class Engine(Protocol):
    """Computes the backbone's hidden states.

    `hidden_states` may be called by several threads at once, and again from within
    `between_layers`.
    """

    @property
    def layers(self) -> Mapping[str, tuple[int, int]]:
        """The numbers of inputs and outputs of every linear layer that an adapter may change."""

    @property
    def embedding_width(self) -> int:
        """The width of the token embeddings that a prompt stands before."""

    def place(self, tuned: TunedT) -> TunedT:
        """What `hidden_states` wants: the same on the device, in the engine's precision."""

    def hidden_states(
        self,
        batch: PaddedBatch,
        adapters: Sequence[Adapter],
        rows: Int64s,
        between_layers: BetweenLayers | None = None,
        prompt: Prompt | None = None,
    ) -> Tensor:
        """Hidden states [b, s, d] of the last layer, in the engine's precision.

        `rows` is int64 [b], an index into `adapters` for each row or `NO_ADAPTER`; rows of one
        adapter should stand together. `between_layers` is called before each linear layer. The
        states are those of the batch's tokens, also where a `prompt` stands before every row; then
        token types are not read.
        """

    def close(self) -> None:
        """Frees the weights at once; nothing can be computed any more."""


@dataclass(frozen=True, slots=True)
class _Pass:
    """What the hooks of one forward pass need to know."""

    adapters: RowAdapters | None
    between_layers: BetweenLayers | None


class _Passes(threading.local):
    """The pass that the calling thread is making, if any."""

    current: _Pass | None = None


class TorchEngine:
    """A Hugging Face encoder, hooked before and after each linear layer.

    It casts the encoder and owns it from then on.
    """

    def __init__(self, encoder: nn.Module, device: torch.device, precision: torch.dtype) -> None:
        self._encoder = encoder.to(device, precision).eval().requires_grad_(False)
        self._device = device
        self._precision = precision
        self._passes = _Passes()
        self._embeddings = _token_embeddings(encoder)
        self._layers = _adaptable_layers(encoder, device)
        for name in self._layers:
            linear = encoder.get_submodule(name)
            linear.register_forward_pre_hook(self._pause)
            linear.register_forward_hook(partial(self._adapt, name))

    @property
    def layers(self) -> Mapping[str, tuple[int, int]]:
        """See `Engine.layers`; the names are those of PEFT's target modules."""
        return self._layers

    @property
    def embedding_width(self) -> int:
        """See `Engine.embedding_width`."""
        return self._embeddings.embedding_dim

    def place(self, tuned: TunedT) -> TunedT:
        """The adapter or prompt on the device, in the engine's precision."""
        return tuned.to(self._device, self._precision)

    @torch.inference_mode()
    def hidden_states(
        self,
        batch: PaddedBatch,
        adapters: Sequence[Adapter],
        rows: Int64s,
        between_layers: BetweenLayers | None = None,
        prompt: Prompt | None = None,
    ) -> Tensor:
        """See `Engine.hidden_states`."""
        virtual = 0 if prompt is None else prompt.virtual_tokens
        if prompt is None:
            inputs = {"input_ids": self._tensor(batch.input_ids)}
            if batch.token_type_ids is not None:
                inputs["token_type_ids"] = self._tensor(batch.token_type_ids)
        else:
            inputs = {"inputs_embeds": self._after(prompt, self._tensor(batch.input_ids))}
        if not batch.attention_mask.all():
            # Without padding attention needs no mask, and is faster without.
            mask = pad(self._tensor(batch.attention_mask), (virtual, 0), value=1)
            inputs["attention_mask"] = mask
        row_adapters = RowAdapters(adapters, rows)
        outer = self._passes.current
        adapted = None if row_adapters.is_empty else row_adapters
        self._passes.current = _Pass(adapted, between_layers)
        try:
            return cast(Tensor, self._encoder(**inputs).last_hidden_state)[:, virtual:]
        finally:
            self._passes.current = outer

    def close(self) -> None:
        """See `Engine.close`."""
        # Models of transformers hold themselves in cycles: without this their weights would stay
        # until the garbage collector comes by, and to call it holds up everything else.
        self._encoder.to("meta")

    def _after(self, prompt: Prompt, input_ids: Tensor) -> Tensor:
        """Embeddings [b, v + s, e] of the virtual tokens and then the rows' own."""
        own = cast(Tensor, self._embeddings(input_ids))
        before = prompt.embeddings.expand(len(own), -1, -1)
        return torch.cat([before, own], dim=1)

    def _tensor(self, array: Int64s) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def _adapt(self, name: str, module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        current = self._passes.current
        if current is not None and current.adapters is not None:
            current.adapters.add(name, inputs[0], output)

    def _pause(self, module: nn.Module, inputs: tuple[object, ...]) -> None:
        current = self._passes.current
        if current is not None and current.between_layers is not None:
            current.between_layers()


def _token_embeddings(encoder: nn.Module) -> nn.Embedding:
    """What the encoder looks a token's id up in, or what stands in its place."""
    embeddings = cast(PreTrainedModel, encoder).get_input_embeddings()
    return cast(nn.Embedding, embeddings)


def _adaptable_layers(encoder: nn.Module, device: torch.device) -> dict[str, tuple[int, int]]:
    """The linear modules whose input has a row for each text, found by running two texts.

    An encoder that strings all tokens together has others too, where rows cannot be told apart.
    """
    linear = {
        name: module for name, module in encoder.named_modules() if isinstance(module, nn.Linear)
    }
    rows: dict[str, int] = {}

    def see(name: str, module: nn.Module, inputs: tuple[Tensor]) -> None:
        rows[name] = inputs[0].shape[0]

    hooks = [
        module.register_forward_pre_hook(partial(see, name)) for name, module in linear.items()
    ]
    with torch.inference_mode():
        encoder(input_ids=torch.ones(2, 3, dtype=torch.int64, device=device))
    for hook in hooks:
        hook.remove()
    return {
        name: (module.in_features, module.out_features)
        for name, module in linear.items()
        if rows.get(name) == 2
    }
